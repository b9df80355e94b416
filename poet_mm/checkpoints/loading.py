"""Checkpoints that fit: a model with random parts finds nobody, and its
figures look like a bad model's."""
from typing import Dict, Iterator, List, Mapping, Tuple

from torch import Tensor, nn

from ..errors import UserError
from .compare import Block, compare_blocks, likely_config, shapes_of, strip_ddp
from .files import read_checkpoint, state_dict_of
from .layouts import guess_layout

# What training may not start from by halves; the rest, which depends on
# skeleton, queries and losses, may differ and then starts afresh.
TRUNK = ('backbone', 'neck', 'head.input_proj', 'head.encoder', 'head.decoder')
PARTS_OF_A_FILE = (
    'To take the backbone alone, leave load_from out and set '
    'model.backbone.init_cfg.checkpoint=FILE '
    'model.backbone.init_cfg.prefix=backbone.')


def read_weights(checkpoint: str) -> Dict[str, Tensor]:
    """Weights by name, of a file or URL.

    Raises:
        UserError: It cannot be read, or not without running code in it.
    """
    return state_dict_of(read_checkpoint(checkpoint), checkpoint)


def fit_weights(model: nn.Module, weights: Mapping[str, Tensor],
                checkpoint: str) -> Dict[str, Tensor]:
    """The weights, without DDP's prefix, if they are all that a model needs.

    Args:
        model (nn.Module): Any.
        weights (dict): By name.
        checkpoint (str): Where they are from, in words.

    Raises:
        UserError: Some are missing, have other shapes, or are more than a
            block of ``TRUNK`` has: those of ResNet-50 are all in ResNet-101.
            It names the first block that differs, and the config that the
            weights look like. Or some are NaN or infinite.
    """
    weights = strip_ddp(weights)
    blocks = compare_blocks(
        shapes_of(model.state_dict()), shapes_of(weights))
    wrong = [
        block for block in blocks
        if block.misfits or (block.name in TRUNK and not block.fits)
    ]
    if wrong:
        raise misfit(checkpoint, wrong, weights)
    check_finite(weights, checkpoint)
    return weights


def starting_weights(model: nn.Module, weights: Mapping[str, Tensor],
                     checkpoint: str) -> Tuple[Dict[str, Tensor], List[str]]:
    """Weights to start a training from, which need not be of the same data.

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
        block for block in blocks if block.name in TRUNK and block.found
        and block.expected and not block.fits
    ]
    if wrong:
        raise misfit(checkpoint, wrong, weights, PARTS_OF_A_FILE)
    if not any(found.get(name) == shape for name, shape in expected.items()):
        raise nothing_fits(checkpoint, weights)
    values = {
        name: weights[name]
        if getattr(weights.get(name), 'shape', None) == value.shape else value
        for name, value in own.items()
    }
    check_finite(values, checkpoint)
    return values, [note for block in blocks for note in _notes(block)]


def check_finite(weights: Mapping[str, Tensor], checkpoint: str) -> None:
    """Raise a UserError if weights are NaN or infinite."""
    names = [name for name, x in weights.items() if not x.isfinite().all()]
    if names:
        raise UserError(
            f'{checkpoint} has weights that are NaN or infinite, in '
            f'{len(names)} of {len(weights)} tensors (first: {names[0]}): its '
            'training had failed. Take an earlier one.')


def _notes(block: Block) -> Iterator[str]:
    """Which weights of a block start afresh, which are not used, and why."""
    if block.misfits:
        part = 'all' if len(block.misfits) == len(block.expected) else (
            ', '.join(block.misfits))
        yield (f'{block.name} starts afresh ({part}): {block.describe()}.')
    elif block.unused:
        yield (f'{block.name} is not used ({len(block.unused)} weights): '
               f'{block.describe()}.')


def load_weights(model: nn.Module, checkpoint: str) -> None:
    """Load all weights of a model, or raise a UserError."""
    weights = fit_weights(model, read_weights(checkpoint), checkpoint)
    model.load_state_dict(weights, strict=False)


def misfit(checkpoint: str,
           wrong: List[Block],
           weights: Mapping[str, Tensor],
           advice: str = 'Give the config that it was trained with, and its '
           '--cfg-options.') -> UserError:
    """What to raise if blocks differ: the first is described, in the order of
    the model, then what to do."""
    if not any(block.found for block in wrong) and guess_layout(weights):
        return nothing_fits(checkpoint, weights)
    said = f'{checkpoint} does not fit the config: {wrong[0].describe()}.'
    if wrong[1:]:
        said += f' Others differ: {", ".join(b.name for b in wrong[1:])}.'
    settings = [block.setting for block in wrong]
    if all(settings):
        return UserError(f'{said} Set {" ".join(settings)}.')
    likely = likely_config(shapes_of(weights))
    return UserError(' '.join(filter(None, (said, likely, advice))))


def nothing_fits(checkpoint: str, weights: Mapping[str, Tensor]) -> UserError:
    """What to raise if no weight has the name and shape of one of a model."""
    layout = guess_layout(weights)
    if layout is not None:
        return UserError(
            f'{checkpoint} has the names of another program: convert it with '
            f'python tools/convert_checkpoint.py {layout} {checkpoint} '
            'CONVERTED.pth')
    names = ', '.join(list(weights)[:3]) or 'none'
    return UserError(f'{checkpoint} has no weight of the model (its first '
                     f'names: {names}). '
                     f'{likely_config(shapes_of(weights))}'.strip())
