"""Training checkpoints of mmengine, on torch from 2.6 on.

There ``torch.load`` reads tensors and plain values only, unless it is told
otherwise, and mmengine 0.10 does not tell it: resuming ends in an
UnpicklingError (up to 0.10.7, the last). What its checkpoints hold beside
tensors is declared safe here: arrays of numbers, and ``HistoryBuffer``, the
values of the log. Unnecessary with an mmengine that declares them itself.
"""
import _codecs
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

from .stack import in_range

NUMBERS = '?bBhHiIlLqQefdFD'  # of NumPy's types; not 'O', objects
MULTIARRAY = ('numpy.core.multiarray', 'numpy._core.multiarray')


def statistic_of(owner: Any, name: str) -> Any:
    """Stands for ``getattr``, with which pickle finds the methods of a
    HistoryBuffer, and does nothing else."""
    if owner is not HistoryBuffer:
        raise TypeError(f'The checkpoint wants attribute {name!r} of {owner}; '
                        'only those of a HistoryBuffer are read.')
    return vars(owner)[name]


def register_safe_globals() -> None:
    """For this process; before torch 2.6 there is nothing to declare."""
    if not in_range(torch.__version__, '>=2.6'):
        return
    makers = dict(  # whose module has another name from NumPy 2 on
        _reconstruct=np.zeros(1).__reduce__()[0],
        scalar=np.float64(0).__reduce__()[0])
    functions = [(function, f'{module}.{name}') for module in MULTIARRAY
                 for name, function in makers.items()]
    torch.serialization.add_safe_globals([
        HistoryBuffer, np.ndarray, np.dtype, _codecs.encode,
        *dict.fromkeys(type(np.dtype(number)) for number in NUMBERS),
        *functions, (statistic_of, 'builtins.getattr')
    ])
