"""Read checkpoint files, and list the library versions to save in them."""

from importlib import import_module
from typing import Any, Dict

from mmengine.runner import CheckpointLoader
from torch import Tensor

from ..errors import UserError
from .safe_load import safe_loading


def read_checkpoint(path: str) -> Dict[str, Any]:
    """Read a checkpoint to the CPU, from a file or any URL mmengine knows.

    Raises:
        UserError: The checkpoint cannot be read, see :func:`safe_loading`.
    """
    with safe_loading():
        return CheckpointLoader.load_checkpoint(path, map_location='cpu')


def state_dict_of(checkpoint: Dict[str, Any], path: str) -> Dict[str, Tensor]:
    """Return the weights of a checkpoint by name.

    Args:
        checkpoint (dict): Weights, or a dict that has them as ``state_dict``
            or ``model``.
        path (str): Name of the checkpoint for the message.

    Raises:
        UserError: The checkpoint holds no weights.
    """
    for key in ('state_dict', 'model'):
        if isinstance(checkpoint.get(key), dict):
            checkpoint = checkpoint[key]
            break
    weights = {
        name: value
        for name, value in checkpoint.items()
        if isinstance(value, Tensor)
    }
    if not weights:
        raise UserError(
            f'{path} holds no weights, only '
            f'{", ".join(map(str, list(checkpoint)[:5]))}.'
        )
    return weights


def versions() -> Dict[str, str]:
    """Return the versions of poet_mm and of the libraries below it."""
    modules = ('poet_mm', 'torch', 'mmengine', 'mmcv', 'mmdet', 'mmpose')
    return {name: str(import_module(name).__version__) for name in modules}
