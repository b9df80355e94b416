"""Declare the pickle globals (importable names) that a checkpoint may use.

None of them runs code of the file. A training checkpoint of mmengine 0.10.7
uses six names that torch refuses
(``torch.serialization.get_unsafe_globals_in_checkpoint`` lists them):
``HistoryBuffer`` for logged scalars, ``getattr`` for its statistics, and
``_reconstruct``, ``scalar``, ``ndarray`` and ``dtype`` for arrays and numbers
of NumPy. An empty array, of a skeleton without links, also uses ``bytes``.
Sets and DETR's ``Namespace`` are allowed, too.
"""

import argparse
import pickle
from functools import lru_cache
from typing import Any, Callable, Dict

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

from ..stack import in_range

# From torch 2.6 on, weights_only=True can be given more names.
HAS_SAFE_GLOBALS = in_range(torch.__version__, '>=2.6')
STATISTICS = ('min', 'max', 'current', 'mean')
# numbers, bool and text; no objects ('O'), dates or structs
DTYPES = '?bBhHiIlLqQefdFDSU'


class RefusedPickle(pickle.UnpicklingError):
    """Signal that a pickle holds more than data; the message names it."""


def get_statistic(cls: type, name: str) -> Callable:
    """Replace ``getattr``: return a statistic of ``HistoryBuffer``."""
    if cls is not HistoryBuffer or name not in STATISTICS:
        raise RefusedPickle(f'builtins.getattr of {name!r}')
    return getattr(HistoryBuffer, name)


@lru_cache(maxsize=1)
def declared_globals() -> Dict[str, Any]:
    """Return the object for each name that torch does not know itself."""
    declared = {
        'argparse.Namespace': argparse.Namespace,  # DETR's `args`
        'mmengine.logging.history_buffer.HistoryBuffer': HistoryBuffer,
        'numpy.ndarray': np.ndarray,
        'numpy.dtype': np.dtype,
    }
    array, scalar = np.zeros(1).__reduce__()[0], np.float64().__reduce__()[0]
    for core in ('core', '_core'):  # names of NumPy 1 and of NumPy 2
        declared[f'numpy.{core}.multiarray._reconstruct'] = array
        declared[f'numpy.{core}.multiarray.scalar'] = scalar
    for builtins in ('builtins', '__builtin__'):
        declared[f'{builtins}.getattr'] = get_statistic
        for kind in (set, frozenset, complex, bytes, bytearray):
            declared[f'{builtins}.{kind.__name__}'] = kind
    return declared


# Workaround (mmengine<=0.10.7): it declares nothing in its checkpoints safe,
# so that torch>=2.6 refuses them with an UnpicklingError.
def register_safe_globals() -> None:
    """Declare the names to torch, for all safe loading in this process.

    Does nothing before torch 2.6, where ``safe_pickle.py`` reads the names.
    """
    if HAS_SAFE_GLOBALS:
        dtypes = {type(np.dtype(kind)) for kind in DTYPES}
        torch.serialization.add_safe_globals(
            [(value, name) for name, value in declared_globals().items()]
            + list(dtypes)
        )
