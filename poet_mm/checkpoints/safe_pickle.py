"""A pickle for checkpoints: tensors, arrays, numbers, text, containers, and
nothing that runs.

    torch.load(FILE, pickle_module=safe_pickle, weights_only=False)

torch's own ``weights_only=True`` cannot read what mmengine writes: every
training checkpoint holds a ``HistoryBuffer``, pickled with ``getattr``, which
it would have to be allowed to call; and before torch 2.4 it cannot be told of
any class. Here ``getattr`` is one that knows four names.
"""
import argparse
import collections
import pickle
from functools import lru_cache
from typing import Any, BinaryIO, Callable, Dict

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from torch import nn

from ..stack import in_range

NUMBERS = '?bBhHiIlLqQefdFD'  # of NumPy's types; not 'O', objects
NEEDED = ('numpy.', 'mmengine.', 'builtins.', '_codecs.')
STATISTICS = ('min', 'max', 'current', 'mean')
REBUILD = ('_rebuild_tensor', '_rebuild_tensor_v2', '_rebuild_parameter',
           '_rebuild_sparse_tensor', '_rebuild_meta_tensor_no_storage')
# What may get a state; not classes, whose attributes all share
STATEFUL = (torch.Tensor, collections.OrderedDict, np.ndarray, np.dtype,
            HistoryBuffer, argparse.Namespace)


class RefusedPickle(pickle.UnpicklingError):
    """A pickle holds something that is not plain data."""


def get_statistic(cls: type, name: str) -> Callable:
    """``getattr`` for what ``HistoryBuffer`` pickles of itself."""
    if cls is not HistoryBuffer or name not in STATISTICS:
        raise RefusedPickle(f'builtins.getattr of {name!r}')
    return getattr(HistoryBuffer, name)


def to_bytes(text: str, encoding: str) -> bytes:
    """``_codecs.encode`` for bytes in pickles that Python 2 could read."""
    if encoding != 'latin1':
        raise RefusedPickle(f'_codecs.encode to {encoding!r}')
    return text.encode('latin1')


@lru_cache(maxsize=1)
def allowed_globals() -> Dict[str, Any]:
    """All that a pickle may name; storages are torch.load's."""
    allowed = {
        'collections.OrderedDict': collections.OrderedDict,
        'argparse.Namespace': argparse.Namespace,  # DETR's `args`
        'mmengine.logging.history_buffer.HistoryBuffer': HistoryBuffer,
        'numpy.ndarray': np.ndarray,
        'numpy.dtype': np.dtype,
        'torch.Tensor': torch.Tensor,
        'torch.Size': torch.Size,
        'torch.device': torch.device,
        'torch.nn.parameter.Parameter': nn.Parameter,
        'torch.serialization._get_layout': torch.serialization._get_layout,
        'torch._tensor._rebuild_from_type_v2':
        torch._tensor._rebuild_from_type_v2,
        '_codecs.encode': to_bytes
    }
    for name in STATISTICS:  # from protocol 4 on, which needs no getattr
        path = f'mmengine.logging.history_buffer.HistoryBuffer.{name}'
        allowed[path] = getattr(HistoryBuffer, name)
    for name in REBUILD:
        allowed[f'torch._utils.{name}'] = getattr(torch._utils, name)
    for kind in vars(torch).values():
        if isinstance(kind, torch.dtype):
            allowed[str(kind)] = kind
    array, scalar = np.zeros(1).__reduce__()[0], np.float64().__reduce__()[0]
    for core in ('core', '_core'):  # numpy 1 and 2 read each other's
        allowed[f'numpy.{core}.multiarray._reconstruct'] = array
        allowed[f'numpy.{core}.multiarray.scalar'] = scalar
    for builtins in ('builtins', '__builtin__'):
        allowed[f'{builtins}.getattr'] = get_statistic
        for kind in (set, frozenset, complex, bytearray):
            allowed[f'{builtins}.{kind.__name__}'] = kind
    return allowed


class Unpickler(pickle._Unpickler):
    """Of Python rather than of C, so that it can be kept from giving classes
    and functions new attributes."""

    dispatch = dict(pickle._Unpickler.dispatch)

    def find_class(self, module: str, name: str) -> Any:
        """Look a name up; imports nothing."""
        try:
            return allowed_globals()[f'{module}.{name}']
        except KeyError:
            raise RefusedPickle(f'{module}.{name}') from None

    def load_build(self) -> None:
        """Give an object its state."""
        if not isinstance(self.stack[-2], STATEFUL):
            raise RefusedPickle(f'a state for {self.stack[-2]!r}')
        super().load_build()

    dispatch[pickle.BUILD[0]] = load_build


def load(file: BinaryIO, **kwargs) -> Any:
    """Like ``pickle.load``."""
    return Unpickler(file, **kwargs).load()


# Workaround (mmengine<=0.10.7): from torch 2.6 on its training checkpoints
# end in an UnpicklingError, because it declares nothing in them safe.
def register_safe_globals() -> None:
    """Declare safe what training checkpoints of mmengine hold beside tensors.

    For programs of others in this process, MMPose's own tools and
    inferencers; before torch 2.6 there is nothing to declare.
    """
    if not in_range(torch.__version__, '>=2.6'):
        return
    named = [(value, name) for name, value in allowed_globals().items()
             if name.startswith(NEEDED)]
    dtypes = {type(np.dtype(number)) for number in NUMBERS}
    torch.serialization.add_safe_globals([*named, *dtypes])
