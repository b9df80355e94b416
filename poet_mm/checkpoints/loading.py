"""Load checkpoints that fit a model, and name what differs in others.

mmengine loads the weights that fit and leaves the others random. Such a model
looks badly trained.
"""

import logging
from typing import Any, Dict, List, Mapping, Tuple

from mmengine.logging import print_log
from torch import Tensor, nn

from ..errors import UserError
from .compare import Block, compare_blocks, shapes_of, strip_ddp
from .files import read_checkpoint, state_dict_of
from .layouts import guess_layout

# Blocks that a training takes whole or not at all. The others depend on
# skeleton, queries and losses. They may differ, and then keep their initial
# weights.
WHOLE_BLOCKS = (
    'backbone',
    'neck',
    'head.input_proj',
    'head.encoder',
    'head.decoder',
)
BACKBONE_ALONE = (
    'To take the backbone alone, leave load_from out and set '
    'model.backbone.init_cfg.checkpoint=FILE'
)


def read_weights(checkpoint: str) -> Dict[str, Tensor]:
    """Return the weights of a checkpoint file or URL by name.

    Raises:
        UserError: The checkpoint cannot be read, or holds more than data.
    """
    return state_dict_of(read_checkpoint(checkpoint), checkpoint)


def load_weights(model: nn.Module, checkpoint: str) -> Dict[str, Any]:
    """Load all weights of a model from a file or URL.

    Returns:
        dict: The checkpoint.

    Raises:
        UserError: The checkpoint cannot be read or does not fit, see
            :func:`check_weights`.
    """
    saved = read_checkpoint(checkpoint)
    weights = state_dict_of(saved, checkpoint)
    weights = check_weights(model, weights, checkpoint)
    model.load_state_dict(weights, strict=False)
    return saved


def check_weights(
    model: nn.Module, weights: Mapping[str, Tensor], checkpoint: str
) -> Dict[str, Tensor]:
    """Check that a checkpoint has every weight of a model.

    Weights that the model does not have are a warning.

    Args:
        model (nn.Module): Model to load the weights into.
        weights (dict): Weights by name.
        checkpoint (str): Name of the checkpoint for the message.

    Returns:
        dict: The weights without DDP's prefix.

    Raises:
        UserError: Weights are missing, have other shapes, are NaN or infinite,
            or a block of ``WHOLE_BLOCKS`` has more weights than the model.
            (ResNet-101 contains all weights of ResNet-50, so that missing
            weights alone would not show the mistake.) The message names the
            first block that differs.
    """
    weights = strip_ddp(weights)
    blocks = [
        block
        for block in _compare(model.state_dict(), weights, checkpoint)
        if not block.fits
    ]
    wrong = [
        block
        for block in blocks
        if block.missing_or_reshaped or block.name in WHOLE_BLOCKS
    ]
    if wrong:
        advice = 'Give the config and --cfg-options that it was trained with.'
        raise misfit_error(checkpoint, wrong, advice)
    for block in blocks:
        print_log(
            f'{checkpoint}: {_describe_partial(block)} Is the config the '
            'right one?',
            logger='current',
            level=logging.WARNING,
        )
    _check_finite(weights, checkpoint)
    return weights


def starting_weights(
    model: nn.Module, weights: Mapping[str, Tensor], checkpoint: str
) -> Tuple[Dict[str, Tensor], List[str]]:
    """Choose the weights to start a training from.

    The checkpoint may be of other data. A block of ``WHOLE_BLOCKS`` must fit
    whole or be absent. In the other blocks, every weight that fits is taken.

    Args:
        model (nn.Module): Model to train, with its initial weights.
        weights (dict): Weights by name.
        checkpoint (str): Name of the checkpoint for the message.

    Returns:
        tuple[dict, list[str]]: Weights for every name of the model, the
        initial ones where the checkpoint has none, and one sentence for each
        block that differs.

    Raises:
        UserError: A block of ``WHOLE_BLOCKS`` fits in part, no name is the
            model's, or weights are NaN or infinite.
    """
    weights, initial = strip_ddp(weights), model.state_dict()
    blocks = [
        block
        for block in _compare(initial, weights, checkpoint)
        if not block.fits
    ]
    wrong = [
        block
        for block in blocks
        if block.name in WHOLE_BLOCKS and block.found and block.expected
    ]
    if wrong:
        advice = f'{BACKBONE_ALONE} model.backbone.init_cfg.prefix=backbone.'
        raise misfit_error(checkpoint, wrong, advice)
    values = {
        name: weights[name]
        if getattr(weights.get(name), 'shape', None) == value.shape
        else value
        for name, value in initial.items()
    }
    _check_finite(values, checkpoint)
    return values, list(map(_describe_partial, blocks))


def _compare(
    expected: Mapping[str, Tensor], weights: Mapping[str, Tensor], name: str
) -> List[Block]:
    """Compare weights with those of a model.

    Raises:
        UserError: They have no name in common.
    """
    expected, found = shapes_of(expected), shapes_of(weights)
    if expected.keys() & found.keys():
        return compare_blocks(expected, found)
    layout = guess_layout(weights)
    if layout in ('poet', 'detr'):
        raise UserError(
            f'{name} has the names of another program: convert it with python '
            f'tools/convert_checkpoint.py {layout} {name} CONVERTED.pth'
        )
    raise UserError(
        f'{name} has no weight of the model (its first names: '
        f'{", ".join(list(weights)[:3]) or "none"}). {BACKBONE_ALONE}'
    )


def _check_finite(weights: Mapping[str, Tensor], checkpoint: str) -> None:
    """Raise a UserError if weights are NaN or infinite."""
    names = [name for name, x in weights.items() if not x.isfinite().all()]
    if names:
        raise UserError(
            f'{checkpoint} has weights that are NaN or infinite, in '
            f'{len(names)} of {len(weights)} tensors (first: {names[0]}). '
            'Its training diverged. Take an earlier checkpoint.'
        )


def _describe_partial(block: Block) -> str:
    """Say which weights of a block are not loaded, and why."""
    misfits = block.missing_or_reshaped
    if not misfits:
        use = 'is used in part' if block.expected else 'is not used'
        return f'{block.name} {use}: {block.describe()}.'
    part = ', '.join(misfits)
    if len(misfits) == len(block.expected):
        part = 'all'
    return (
        f'{block.name} keeps its initial weights ({part}): {block.describe()}.'
    )


def misfit_error(
    checkpoint: str, wrong: List[Block], advice: str
) -> UserError:
    """Return the error for blocks that differ; it describes the first one."""
    message = f'{checkpoint} does not fit the config: {wrong[0].describe()}.'
    if wrong[1:]:
        message += f' Others differ: {", ".join(b.name for b in wrong[1:])}.'
    return UserError(f'{message} {advice}')
