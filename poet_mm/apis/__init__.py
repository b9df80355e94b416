"""What the command-line tools are made of, and inference for people."""
from ..cli import check_pretrained
from ..errors import UserError
from ..utils.config import find_config, set_data_root
from .people import to_coco

__all__ = [
    'POETInferencer', 'UserError', 'check_pretrained', 'find_config',
    'set_data_root', 'to_coco'
]


def __getattr__(name: str):
    """Import MMPose's inferencers, which takes seconds, for those who infer.
    """
    if name == 'POETInferencer':
        from .inferencer import POETInferencer
        return POETInferencer
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
