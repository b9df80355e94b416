"""Declare the names that a checkpoint may hold beside tensors; all are data.

A training checkpoint of mmengine 0.10.7 holds six that torch refuses
(``torch.serialization.get_unsafe_globals_in_checkpoint``): a
``HistoryBuffer`` per logged scalar, ``getattr`` for its four statistics, and
for NumPy's arrays and numbers ``_reconstruct``, ``scalar``, ``ndarray`` and
``dtype``. Sets and DETR's ``Namespace`` are allowed too.
"""

import argparse
import pickle
from functools import lru_cache
from typing import Any, Callable, Dict

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

from ..stack import in_range

STRICT = in_range(torch.__version__, '>=2.6')  # can be told all names below
STATISTICS = ('min', 'max', 'current', 'mean')
DTYPES = '?bBhHiIlLqQefdFDSU'  # of NumPy; not 'O', objects


class RefusedPickle(pickle.UnpicklingError):
    """A pickle holds something that is not plain data."""


def get_statistic(cls: type, name: str) -> Callable:
    """Return a method of ``HistoryBuffer``; replaces ``getattr``."""
    if cls is not HistoryBuffer or name not in STATISTICS:
        raise RefusedPickle(f'builtins.getattr of {name!r}')
    return getattr(HistoryBuffer, name)


@lru_cache(maxsize=1)
def declared_globals() -> Dict[str, Any]:
    """Return what each name stands for that torch does not know itself."""
    declared = {
        'argparse.Namespace': argparse.Namespace,  # DETR's `args`
        'mmengine.logging.history_buffer.HistoryBuffer': HistoryBuffer,
        'numpy.ndarray': np.ndarray,
        'numpy.dtype': np.dtype,
    }
    array, scalar = np.zeros(1).__reduce__()[0], np.float64().__reduce__()[0]
    for core in ('core', '_core'):  # NumPy 1 and 2 read each other's
        declared[f'numpy.{core}.multiarray._reconstruct'] = array
        declared[f'numpy.{core}.multiarray.scalar'] = scalar
    for builtins in ('builtins', '__builtin__'):
        declared[f'{builtins}.getattr'] = get_statistic
        for kind in (set, frozenset, complex, bytearray):
            declared[f'{builtins}.{kind.__name__}'] = kind
    return declared


# Workaround (mmengine<=0.10.7): from torch 2.6 on its training checkpoints
# end in an UnpicklingError, because it declares nothing in them safe.
def register_safe_globals() -> None:
    """Declare the names to torch, for all of its safe loading.

    MMPose's own tools and inferencers in this process profit too. Before
    torch 2.6 there is nothing to declare, see ``safe_pickle.py``.
    """
    if STRICT:
        dtypes = {type(np.dtype(kind)) for kind in DTYPES}
        torch.serialization.add_safe_globals(
            [(value, name) for name, value in declared_globals().items()]
            + list(dtypes)
        )
