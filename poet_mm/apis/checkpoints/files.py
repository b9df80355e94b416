"""Reading checkpoints without running what is in them, and writing ones that
need no class to be read.

A checkpoint of a training is a pickle, which may name any class or function of
any package for torch to call. ``torch.load(weights_only=True)`` refuses those
that name others than torch's own; training checkpoints of mmengine and of the
authors of POET do. Here whatever is not a tensor or a plain value becomes
:class:`Skipped`, on every version of torch.
"""
import hashlib
import io
import os
import os.path as osp
import pickle
import sys
from types import SimpleNamespace
from typing import Any, Dict

import numpy as np
import torch
from mmengine.utils import mkdir_or_exist
from torch import Tensor

from ...version import __version__
from ..launch import UserError

PLAIN = (str, int, float, bool, type(None))
BUILTINS = ('builtins', '__builtin__')
NUMPY = ('numpy.core.multiarray', 'numpy._core.multiarray')
# Functions and classes that build tensors, arrays and containers.
SAFE = {
    ('collections', 'OrderedDict'),
    ('_codecs', 'encode'),  # bytes of arrays
    ('numpy', 'dtype'),
    ('numpy', 'ndarray'),
    ('torch', 'Size'),
    ('torch', 'device'),
    *(('torch._utils', f'_rebuild_{what}')
      for what in ('tensor', 'tensor_v2', 'parameter')),
    *((module, name) for module in NUMPY for name in ('_reconstruct',
                                                      'scalar')),
    *((module, name) for module in BUILTINS for name in ('set', 'frozenset',
                                                         'bytearray')),
    *(('torch', str(dtype).split('.')[1]) for dtype in vars(torch).values()
      if isinstance(dtype, torch.dtype)),
}


class Skipped:
    """Stands for an object of a class that was not loaded."""

    def __new__(cls, *args, **kwargs) -> 'Skipped':
        return super().__new__(cls)

    def __init__(self, *args, **kwargs) -> None:
        pass

    def __setstate__(self, state) -> None:
        pass

    def __setitem__(self, key, value) -> None:
        pass

    def append(self, value) -> None:
        pass

    def extend(self, values) -> None:
        pass


class SafeUnpickler(pickle.Unpickler):
    """Finds what is ``SAFE``, and :class:`Skipped` for all else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in SAFE:
            return super().find_class(module, name)
        return Skipped


def _safe_load(file, **kwargs) -> Any:
    return SafeUnpickler(file, **kwargs).load()


# What torch.load expects of a `pickle_module`.
SAFE_PICKLE = SimpleNamespace(
    __name__='poet_mm.safe_pickle', Unpickler=SafeUnpickler, load=_safe_load)


def read_checkpoint(path: str) -> Dict[str, Any]:
    """A checkpoint on the CPU, nothing in it executed.

    Raises:
        UserError: It is not there, is broken, or holds no dict.
    """
    if not osp.isfile(path):
        raise UserError(f'There is no checkpoint {path}.')
    try:
        checkpoint = torch.load(
            path,
            map_location='cpu',
            pickle_module=SAFE_PICKLE,
            weights_only=False)
    except Exception as error:  # a file can be wrong in any way
        reason = (str(error).strip() or 'no reason given').split('\n')[0]
        raise UserError(f'Cannot read the checkpoint {path} '
                        f'({type(error).__name__}: {reason}).') from error
    if not isinstance(checkpoint, dict):
        raise UserError(
            f'{path} is no checkpoint: it holds a {type(checkpoint).__name__} '
            'where weights by name are expected.')
    return checkpoint


def state_dict_of(checkpoint: Dict[str, Any], path: str) -> Dict[str, Tensor]:
    """Weights by name, wherever a checkpoint keeps them.

    Raises:
        UserError: There are none.
    """
    for key in ('state_dict', 'model'):
        if isinstance(checkpoint.get(key), dict):
            checkpoint = checkpoint[key]
            break
    weights = {
        name: value
        for name, value in checkpoint.items() if isinstance(value, Tensor)
    }
    if not weights:
        raise UserError(f'{path} holds no weights, only '
                        f'{", ".join(map(str, list(checkpoint)[:5]))}.')
    return weights


def to_plain(value: Any, name: str = 'checkpoint') -> Any:
    """Arrays as lists, tensors on the CPU without what they are views of.

    Raises:
        UserError: Something in it is neither plain nor an array.
    """
    if type(value) in PLAIN:
        return value
    if isinstance(value, Tensor):
        return value.detach().cpu().clone().contiguous()
    if isinstance(value, (np.ndarray, np.generic)):
        return to_plain(value.tolist(), name)
    if isinstance(value, dict):
        return {
            to_plain(key, name): to_plain(item, f'{name}[{key!r}]')
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        items = [
            to_plain(item, f'{name}[{i}]') for i, item in enumerate(value)
        ]
        return items if isinstance(value, list) else tuple(items)
    raise UserError(f'{name} is a {type(value).__name__}, which only a pickle '
                    'of classes can keep. Leave it out or make it a number, '
                    'a string, or a list of them.')


def to_bytes(checkpoint: Dict[str, Any]) -> bytes:
    """The file of a checkpoint of plain values; equal ones have equal files.
    """
    buffer = io.BytesIO()  # a file on disk would hold its own name
    torch.save(to_plain(checkpoint), buffer)
    return buffer.getvalue()


def write_bytes(data: bytes, path: str) -> None:
    """Whole, or not at all: a half-written checkpoint looks like a whole one
    until it is read."""
    mkdir_or_exist(osp.dirname(osp.abspath(path)))
    part = f'{path}.{os.getpid()}.part'
    try:
        with open(part, 'wb') as file:
            file.write(data)
        os.replace(part, path)
    finally:
        if osp.exists(part):
            os.remove(part)


def sha256_of(path: str) -> str:
    with open(path, 'rb') as file:
        return hashlib.sha256(file.read()).hexdigest()


def versions() -> Dict[str, str]:
    """Of poet_mm and of what it runs on, as far as that is imported."""
    modules = ('torch', 'mmengine', 'mmcv', 'mmdet', 'mmpose')
    return dict(
        poet_mm=__version__,
        **{
            name: str(sys.modules[name].__version__)
            for name in modules if name in sys.modules
        })
