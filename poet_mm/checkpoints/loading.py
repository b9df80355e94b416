"""Load checkpoints that fit: the figures of a model with random parts look
like those of a bad model.
"""

from typing import Dict, List, Mapping, Tuple

from torch import Tensor, nn

from ..errors import UserError
from .compare import Block, compare_blocks, shapes_of, strip_ddp
from .files import read_checkpoint, state_dict_of
from .layouts import guess_layout

# What a training takes whole or not at all; the rest, which depends on
# skeleton, queries and losses, may differ and then keeps its initial weights.
TRUNK = ('backbone', 'neck', 'head.input_proj', 'head.encoder', 'head.decoder')
BACKBONE_ALONE = (
    'To take the backbone alone, leave load_from out and set '
    'model.backbone.init_cfg.checkpoint=FILE'
)


def read_weights(checkpoint: str) -> Dict[str, Tensor]:
    """Read weights by name, of a file or URL.

    Raises:
        UserError: It cannot be read, or not without running code in it.
    """
    return state_dict_of(read_checkpoint(checkpoint), checkpoint)


def fit_weights(
    model: nn.Module, weights: Mapping[str, Tensor], checkpoint: str
) -> Dict[str, Tensor]:
    """Return the weights, without DDP's prefix, if a model needs no others.

    Args:
        model (nn.Module): Any.
        weights (dict): By name.
        checkpoint (str): Where they are from, in words.

    Raises:
        UserError: Some are missing, have other shapes, or are more than a
            block of ``TRUNK`` has: those of ResNet-50 are all in ResNet-101.
            It names the first block that differs. Or some are NaN or
            infinite.
    """
    weights = strip_ddp(weights)
    blocks = compare_blocks(shapes_of(model.state_dict()), shapes_of(weights))
    wrong = [
        block
        for block in blocks
        if block.misfits or (block.name in TRUNK and not block.fits)
    ]
    if wrong:
        raise misfit(checkpoint, wrong, weights)
    check_finite(weights, checkpoint)
    return weights


def starting_weights(
    model: nn.Module, weights: Mapping[str, Tensor], checkpoint: str
) -> Tuple[Dict[str, Tensor], List[str]]:
    """Return weights to start a training from, maybe of other data.

    Of the blocks of ``TRUNK``, each must fit whole or be absent. Everything
    else is taken weight by weight where it fits.

    Args:
        model, weights, checkpoint: See :func:`fit_weights`.

    Returns:
        tuple[dict, list[str]]: Weights of the model's every name, its own
        where the checkpoint has none, and what is to be said about them.

    Raises:
        UserError: A block of the trunk fits in part, or nothing fits, or
            weights are NaN or infinite.
    """
    weights, own = strip_ddp(weights), model.state_dict()
    found, expected = shapes_of(weights), shapes_of(own)
    blocks = compare_blocks(expected, found)
    wrong = [
        block
        for block in blocks
        if block.name in TRUNK
        and block.found
        and block.expected
        and not block.fits
    ]
    if wrong:
        raise misfit(
            checkpoint,
            wrong,
            weights,
            f'{BACKBONE_ALONE} model.backbone.init_cfg.prefix=backbone.',
        )
    if not any(found.get(name) == shape for name, shape in expected.items()):
        raise nothing_fits(checkpoint, weights)
    values = {
        name: weights[name]
        if getattr(weights.get(name), 'shape', None) == value.shape
        else value
        for name, value in own.items()
    }
    check_finite(values, checkpoint)
    return values, [_note(block) for block in blocks if not block.fits]


def check_finite(weights: Mapping[str, Tensor], checkpoint: str) -> None:
    """Raise a UserError if weights are NaN or infinite."""
    names = [name for name, x in weights.items() if not x.isfinite().all()]
    if names:
        raise UserError(
            f'{checkpoint} has weights that are NaN or infinite, in '
            f'{len(names)} of {len(weights)} tensors (first: {names[0]}): its '
            'training had failed. Take an earlier one.'
        )


def _note(block: Block) -> str:
    """Say which weights of a block are not loaded, and why."""
    if not block.misfits:
        return f'{block.name} is not used whole: {block.describe()}.'
    part = (
        'all'
        if len(block.misfits) == len(block.expected)
        else (', '.join(block.misfits))
    )
    return (
        f'{block.name} keeps its initial weights ({part}): {block.describe()}.'
    )


def load_weights(model: nn.Module, checkpoint: str) -> None:
    """Load all weights of a model, or raise a UserError."""
    weights = fit_weights(model, read_weights(checkpoint), checkpoint)
    model.load_state_dict(weights, strict=False)


def misfit(
    checkpoint: str,
    wrong: List[Block],
    weights: Mapping[str, Tensor],
    advice: str = 'Give the config that it was trained with, and its '
    '--cfg-options.',
) -> UserError:
    """Return the error for blocks that differ: it describes the first in the
    order of the model, and says what to do.
    """
    if not any(block.found for block in wrong) and guess_layout(weights):
        return nothing_fits(checkpoint, weights)
    said = f'{checkpoint} does not fit the config: {wrong[0].describe()}.'
    if wrong[1:]:
        said += f' Others differ: {", ".join(b.name for b in wrong[1:])}.'
    settings = [block.setting for block in wrong]
    if all(settings):
        advice = f'Set {" ".join(settings)}.'
    return UserError(f'{said} {advice}')


def nothing_fits(checkpoint: str, weights: Mapping[str, Tensor]) -> UserError:
    """Return the error for weights of which a model has none."""
    layout = guess_layout(weights)
    if layout == 'torchvision':
        return UserError(
            f"{checkpoint} has the names of torchvision's "
            f'ResNet. {BACKBONE_ALONE}'
        )
    if layout is not None:
        return UserError(
            f'{checkpoint} has the names of another program: convert it with '
            f'python tools/convert_checkpoint.py {layout} {checkpoint} '
            'CONVERTED.pth'
        )
    names = ', '.join(list(weights)[:3]) or 'none'
    return UserError(
        f'{checkpoint} has no weight of the model (its first '
        f'names: {names}). {BACKBONE_ALONE}'
    )
