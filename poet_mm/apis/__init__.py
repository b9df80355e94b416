"""Find people in images, folders and videos."""

from importlib import import_module
from typing import Any

_MODULES = dict(
    POETInferencer='.inferencer',
    UserError='..errors',
    to_coco='.results',
    to_dataframe='.handing_on',
    to_supervision='.handing_on',
)
__all__ = [
    'POETInferencer',
    'UserError',
    'to_coco',
    'to_dataframe',
    'to_supervision',
]


def __getattr__(name: str) -> Any:
    """Import on first use, because MMPose's inferencers take seconds."""
    if name in _MODULES:
        return getattr(import_module(_MODULES[name], __name__), name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
