"""Checkpoints that fit: a model with random parts finds nobody, and its
figures look like a bad model's."""
from typing import Dict

from mmengine.runner import CheckpointLoader
from torch import Tensor, nn

from .launch import UserError
from .safe_load import safe_loading


def read_weights(checkpoint: str) -> Dict[str, Tensor]:
    """Weights by name, of a file or URL.

    Raises:
        UserError: It cannot be read, or not without running code in it.
    """
    try:
        with safe_loading():
            weights = CheckpointLoader.load_checkpoint(
                checkpoint, map_location='cpu')
    except UserError:
        raise
    except Exception as error:
        reason = str(error).strip().split('\n')[0]
        raise UserError(f'Cannot read the checkpoint {checkpoint} '
                        f'({type(error).__name__}: {reason}).') from error
    return weights.get('state_dict', weights)


def fit_weights(model: nn.Module, weights: Dict[str, Tensor],
                checkpoint: str) -> Dict[str, Tensor]:
    """The weights, without DDP's prefix, if they are all that a model needs.

    Args:
        model (nn.Module): Any.
        weights (dict): By name.
        checkpoint (str): Where they are from, in words.

    Raises:
        UserError: Some are missing, or have other shapes.
    """
    weights = {
        name[len('module.'):] if name.startswith('module.') else name: value
        for name, value in weights.items()
    }
    expected = {
        name: value.shape
        for name, value in model.state_dict().items()
        if not name.endswith('num_batches_tracked')
    }
    wrong = [
        f'{name} {tuple(shape)}' for name, shape in expected.items()
        if getattr(weights.get(name), 'shape', None) != shape
    ]
    if wrong:
        raise UserError(
            f'{checkpoint} does not fit the config: of the {len(expected)} '
            f'weights of the model it lacks {len(wrong)} or has them in other '
            f'shapes, such as {", ".join(wrong[:3])}. Give the config that it '
            'was trained with, and its --cfg-options.')
    return weights


def load_weights(model: nn.Module, checkpoint: str) -> None:
    """Load all weights of a model, or raise a UserError."""
    weights = fit_weights(model, read_weights(checkpoint), checkpoint)
    model.load_state_dict(weights, strict=False)
