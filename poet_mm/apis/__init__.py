"""What the command-line tools are made of, and inference for people."""
from .launch import UserError, check_pretrained, set_data_root

__all__ = [
    'POETInferencer', 'UserError', 'check_pretrained', 'set_data_root',
    'to_coco'
]


def __getattr__(name: str):
    """Import MMPose's inferencers, which takes seconds, for those who infer.
    """
    if name in ('POETInferencer', 'to_coco'):
        from . import inferencer
        return getattr(inferencer, name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
