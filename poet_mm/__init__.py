"""POET, the POse Estimation Transformer, for MMPose 1.x.

Importing this package registers everything, so a config needs only
``custom_imports = dict(imports=['poet_mm'])``.
"""
from . import assigners, codecs, heads, losses
from .version import __version__

__all__ = ['__version__', 'assigners', 'codecs', 'heads', 'losses']
