"""Training checkpoints of mmengine, on torch from 2.6 on.

There ``torch.load`` reads tensors and plain values only, unless it is told
otherwise, and mmengine 0.10 does not tell it: resuming ends in an
UnpicklingError (up to 0.10.7, the last). What its checkpoints hold beside
tensors is declared safe here, for programs that are not ours: MMPose's own
tools and inferencers. Unnecessary with an mmengine that declares it itself.
"""
import numpy as np
import torch

from .apis.safe_pickle import allowed_globals
from .stack import in_range

NUMBERS = '?bBhHiIlLqQefdFD'  # of NumPy's types; not 'O', objects
NEEDED = ('numpy.', 'mmengine.', 'builtins.', '_codecs.')


# Workaround (mmengine<=0.10.7): from torch 2.6 on its training checkpoints
# end in an UnpicklingError, because it declares nothing in them safe.
def register_safe_globals() -> None:
    """For this process; before torch 2.6 there is nothing to declare."""
    if not in_range(torch.__version__, '>=2.6'):
        return
    named = [(value, name) for name, value in allowed_globals().items()
             if name.startswith(NEEDED)]
    dtypes = {type(np.dtype(number)) for number in NUMBERS}
    torch.serialization.add_safe_globals([*named, *dtypes])
