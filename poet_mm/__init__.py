"""POET, the POse Estimation Transformer, for MMPose 1.x.

Importing this package registers everything, so a config needs only
``custom_imports = dict(imports=['poet_mm'])``.
"""
from .stack import check_stack
from .version import __version__

check_stack()  # before anything is imported that may not be there

from . import assigners, codecs, datasets, heads, losses, transforms  # noqa: E402

__all__ = [
    '__version__', 'assigners', 'codecs', 'datasets', 'heads', 'losses',
    'transforms'
]
