"""Inference: poses of images, folders and videos."""

from typing import Any

__all__ = ['POETInferencer', 'UserError', 'to_coco']


def __getattr__(name: str) -> Any:
    """Import on first use: MMPose's inferencers take seconds to import."""
    if name == 'POETInferencer':
        from .inferencer import POETInferencer

        return POETInferencer
    if name == 'UserError':
        from ..errors import UserError

        return UserError
    if name == 'to_coco':
        from .results import to_coco

        return to_coco
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
