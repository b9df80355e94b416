"""Read checkpoints without running what is in them, and write ones that need
no class to be read.
"""

import hashlib
import sys
from typing import Any, Dict

from mmengine.runner import CheckpointLoader
from torch import Tensor

from ..errors import UserError
from ..utils.files import write_whole
from ..version import __version__
from .safe_load import safe_loading


def read_checkpoint(path: str) -> Dict[str, Any]:
    """Read a checkpoint to the CPU: file, URL, or what else mmengine knows.

    Raises:
        UserError: It is not there, is broken, holds no dict, or cannot be
            read without running code in it, see :func:`safe_loading`.
    """
    try:
        with safe_loading():
            checkpoint = CheckpointLoader.load_checkpoint(
                path, map_location='cpu'
            )
    except UserError:
        raise
    except Exception as error:
        reason = str(error).strip().split('\n')[0]
        raise UserError(
            f'Cannot read the checkpoint {path} '
            f'({type(error).__name__}: {reason}).'
        ) from error
    return checkpoint


def state_dict_of(checkpoint: Dict[str, Any], path: str) -> Dict[str, Tensor]:
    """Return weights by name, wherever a checkpoint keeps them.

    Raises:
        UserError: There are none.
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


def write_checkpoint(data: bytes, path: str) -> None:
    """:func:`write_whole`, or a UserError that says why not."""
    try:
        write_whole(data, path)
    except OSError as error:
        reason = error.strerror or str(error)
        if error.filename:  # maybe a file where a folder should be
            reason += f': {error.filename}'
        raise UserError(
            f'Cannot write {path} ({reason}). Give another file to write.'
        ) from error


def sha256_of(path: str) -> str:
    with open(path, 'rb') as file:
        return hashlib.sha256(file.read()).hexdigest()


def versions() -> Dict[str, str]:
    """Return those of poet_mm and of what it runs on, as far as imported."""
    modules = ('torch', 'mmengine', 'mmcv', 'mmdet', 'mmpose')
    return dict(
        poet_mm=__version__,
        **{
            name: str(sys.modules[name].__version__)
            for name in modules
            if name in sys.modules
        },
    )
