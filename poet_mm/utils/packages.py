"""Import packages that poet_mm does not require."""

from importlib import import_module
from types import ModuleType
from typing import Optional

import numpy as np
from mmengine.utils import digit_version

from ..errors import UserError


def import_optional(name: str, oldest: Optional[str] = None) -> ModuleType:
    """Return a package that poet_mm does not require.

    Args:
        name (str): Name of the package.
        oldest (str, optional): Oldest version that can be used. Defaults to
            any.

    Raises:
        UserError: It is missing or too old.
    """
    # Keep NumPy: a new pandas would replace it by one that mmpose cannot use.
    wanted = name if oldest is None else f"'{name}>={oldest}'"
    command = f'Run: pip install {wanted} numpy=={np.__version__}'
    try:
        module = import_module(name)
    except ImportError as error:
        raise UserError(
            f'{name} cannot be imported ({error}). {command}'
        ) from error
    if oldest and digit_version(module.__version__) < digit_version(oldest):
        raise UserError(f'{name} {module.__version__} is too old. {command}')
    return module
