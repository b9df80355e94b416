"""POET, the POse Estimation Transformer, for MMPose 1.x.

Importing this package registers everything, so a config needs only
``custom_imports = dict(imports=['poet_mm'])``.

That takes seconds. A program that first wants to parse its arguments, as the
tools do, sets ``__parse_first__ = True`` before it imports poet_mm, and calls
:func:`register` afterwards.
"""

import sys

from .stack import check_stack
from .version import __version__

__all__ = [
    '__version__',
    'codecs',
    'datasets',
    'engine',
    'evaluation',
    'models',
    'register',
    'visualization',
]

check_stack()  # before anything is imported that may not be there


registered = False


def register() -> None:
    """Import all that registers; may be called again."""
    global registered
    registered = True
    from .checkpoints.safe_globals import register_safe_globals

    register_safe_globals()
    from . import (  # noqa: F401
        codecs,
        datasets,
        engine,
        evaluation,
        models,
        visualization,
    )


if not getattr(sys.modules.get('__main__'), '__parse_first__', False):
    register()
