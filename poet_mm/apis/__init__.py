"""Inference: poses of images, folders and videos."""
from ..errors import UserError
from .results import to_coco

__all__ = ['POETInferencer', 'UserError', 'to_coco']


def __getattr__(name: str):
    """Import MMPose's inferencers, which takes seconds, for those who infer.
    """
    if name == 'POETInferencer':
        from .inferencer import POETInferencer
        return POETInferencer
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
