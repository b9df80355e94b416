"""Add POET, the POse Estimation Transformer, to MMPose 1.x.

Importing this package registers its classes. A config needs only
``custom_imports = dict(imports=['poet_mm'])``.

The import takes seconds. To parse arguments first, a program sets
``__parse_first__ = True`` before it imports poet_mm, and calls
:func:`register` later. The tools do so.
"""

import sys
import warnings
from importlib import import_module

from .stack import check_stack
from .version import __version__

PACKAGES = (
    'codecs',
    'datasets',
    'engine',
    'evaluation',
    'models',
    'visualization',
)
__all__ = ['__version__', 'register', *PACKAGES]

check_stack()  # before imports of libraries that may be missing


def register() -> None:
    """Import everything that registers a class. Later calls do nothing."""
    from .checkpoints.safe_globals import register_safe_globals

    # Workaround (mmpose<=1.3.2): it warns that COCO's metainfo file does not
    # exist, and then takes the one in its package.
    warnings.filterwarnings('ignore', 'The metainfo config file .* instead')
    register_safe_globals()
    for package in PACKAGES:
        import_module(f'.{package}', __name__)


if not getattr(sys.modules.get('__main__'), '__parse_first__', False):
    register()
