"""POET, the POse Estimation Transformer, for MMPose 1.x.

Importing this package registers everything, so a config needs only
``custom_imports = dict(imports=['poet_mm'])``.
"""
from .stack import check_stack
from .version import __version__

check_stack()  # before anything is imported that may not be there

from .checkpoints.safe_pickle import register_safe_globals  # noqa: E402

register_safe_globals()

from . import (  # noqa: E402
    codecs,
    datasets,
    engine,
    evaluation,
    models,
    visualization,
)

__all__ = [
    '__version__', 'codecs', 'datasets', 'engine', 'evaluation', 'models',
    'visualization'
]
