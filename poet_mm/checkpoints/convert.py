"""Convert checkpoints of other programs to ours, and ours to the release.

A converted checkpoint fits its config in whole blocks.
"""

import hashlib
import os.path as osp
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Tuple

import mmpose.apis
import torch
from mmengine.config import Config
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from ..errors import UserError, first_line
from ..models.layers.pose import fields_of
from .compare import build_model, compare_blocks, shapes_of
from .files import read_checkpoint, state_dict_of, versions
from .layouts import (
    CLASS_ORDER,
    from_detr,
    from_release,
    guess_layout,
    to_release,
)
from .loading import misfit
from .publish import to_plain
from .release_model import release_model

# How the other programs normalise images. Weights do not show it.
IMAGENET = dict(
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
)
PROGRAMS = {  # layout: program
    'poet': "the authors' release of POET",
    'detr': 'DETR',
    'ours': 'this repository',
}
SIZES = ((192, 160), (128, 224))  # height, width of the images to compare on
TOLERANCE = 1e-3  # relative to the largest output


class Conversion(NamedTuple):
    """A converted checkpoint, and what it was made from.

    Attributes:
        checkpoint (dict): Contents of the file to write.
        model (nn.Module): Model of the config, with the converted weights.
        source (dict): Weights by their old names.
        cfg (Config): Config that the checkpoint fits.
        dropped (list[str]): Phrases for the weights that were left out.
    """

    checkpoint: Dict[str, Any]
    model: nn.Module
    source: Dict[str, Tensor]
    cfg: Config
    dropped: List[str]


def convert(layout: str, path: str, cfg: Config) -> Conversion:
    """Convert a checkpoint of another program.

    Args:
        layout (str): ``'poet'`` or ``'detr'``.
        path (str): Checkpoint file.
        cfg (Config): Config that the result is for. With ``'poet'`` its number
            of queries is set to that of the checkpoint, and the config goes
            into the result.

    Raises:
        UserError: A weight has no place, a block does not fit the config, or
            the config is not of a POET.
    """
    source = read_source(path, layout)
    check_config(cfg, layout)
    meta = dict(
        source=dict(
            layout=layout,
            file=osp.basename(path),
            sha256=hashlib.sha256(Path(path).read_bytes()).hexdigest(),
        ),
        versions=versions(),
    )
    dropped: List[str] = []
    if layout == 'poet':
        weights = from_release(source)
        queries = weights.get('head.query_embedding.weight')
        if queries is not None:
            cfg.model.head.num_queries = len(queries)
        meta.update(
            cfg=cfg.pretty_text,
            dataset_meta=to_plain(
                mmpose.apis.inference.dataset_meta_from_config(cfg)
            ),
        )
    else:
        learned = not cfg.model.head.get('propose', False)
        weights, dropped = from_detr(
            source, cfg.model.head.num_queries if learned else 0
        )
    try:
        model = build_model(cfg)
    except Exception as error:  # each part checks its own values
        raise UserError(
            'The model of the config cannot be built '
            f'({type(error).__name__}: {first_line(error)}). Correct --config '
            'or --cfg-options.'
        ) from error
    wrong = [
        block
        for block in compare_blocks(
            shapes_of(model.state_dict()), shapes_of(weights)
        )
        if not block.fits and (block.found or layout == 'poet')
    ]
    if wrong:
        advice = 'Give the config that it is for with --config.'
        raise misfit(path, wrong, advice)
    model.load_state_dict(weights, strict=False)
    return Conversion(
        dict(state_dict=weights, meta=meta), model.eval(), source, cfg, dropped
    )


def release_of(path: str) -> Tuple[Dict[str, Any], List[str]]:
    """Convert a checkpoint of ours to the layout of the authors' release.

    Returns:
        tuple[dict, list[str]]: Contents of the file to write, and phrases for
        the weights that were left out.
    """
    source = read_source(path, 'to-release')
    release = to_release(source)
    counters = len(source) - len(release)
    dropped = [f'num_batches_tracked ({counters} weights)'] if counters else []
    return dict(model=release), dropped


def read_source(path: str, layout: str) -> Dict[str, Tensor]:
    """Read the weights of a checkpoint file.

    Args:
        path (str): Checkpoint file.
        layout (str): ``'poet'``, ``'detr'`` or ``'to-release'``.

    Raises:
        UserError: The file cannot be read, or has another layout.
    """
    if not osp.isfile(path):
        raise UserError(f'There is no checkpoint {path}.')
    weights = state_dict_of(read_checkpoint(path), path)
    expected = 'ours' if layout == 'to-release' else layout
    found = guess_layout(weights)
    if found in (None, expected):
        return weights
    if found == 'ours':
        advice = 'It needs no conversion, except with to-release.'
    elif (found, layout) == ('poet', 'to-release'):
        advice = 'It needs no conversion.'
    else:
        advice = f'Run: python tools/convert_checkpoint.py {found} {path} DST'
    raise UserError(
        f'{path} has the names of {PROGRAMS[found]}, not of '
        f'{PROGRAMS[expected]}. {advice}'
    )


def check_config(cfg: Config, layout: str) -> None:
    """Raise a UserError if a config does not suit converted weights.

    It must have a POETHead, and must normalise images and stride its ResNet as
    the other programs do: weights fit other settings, too.
    """
    model = cfg.get('model') or {}
    head = model.get('head') or {}
    if 'num_queries' not in head:
        raise UserError(
            f'{layout} needs a config whose model.head is a POETHead, got '
            f'{head.get("type", "none")}. Give another with --config.'
        )
    preprocessor = model.get('data_preprocessor') or {}
    wrong = [
        f'model.data_preprocessor.{key}={value}'
        for key, value in IMAGENET.items()
        if preprocessor.get(key) != value
    ]
    backbone = model.get('backbone') or {}
    if backbone.get('style', 'pytorch') != 'pytorch':
        wrong.append('model.backbone.style=pytorch')
    if wrong:
        raise UserError(
            'The weights would fit, but were trained with '
            f'{" ".join(wrong)}: set that in the config.'
        )


@torch.no_grad()
def largest_difference(conversion: Conversion) -> Dict[str, float]:
    """Compare a converted model with the equations of the release.

    Both see images of noise, of different sizes in one batch.

    Args:
        conversion (Conversion): Conversion of layout ``'poet'``.

    Returns:
        dict[str, float]: Largest absolute difference over all decoder layers
        of ``logits`` and of ``poses`` (centres, half the offsets, visibility;
        all in [0, 1]), and ``largest``, the largest absolute logit.
    """
    inputs, padding, samples = _noise_batch()
    model = conversion.model
    fields = model.head(model.extract_feat(inputs), samples)
    logits, poses = release_model(conversion.source, inputs, padding)
    logits = logits[..., CLASS_ORDER]
    return dict(
        logits=float((fields['logits'] - logits).abs().max()),
        poses=max(
            float((fields[name] - value).abs().max())
            for name, value in fields_of(poses).items()
        ),
        largest=float(logits.abs().max()),
    )


def _noise_batch() -> Tuple[Tensor, Tensor, List[PoseDataSample]]:
    """Make a batch of noise.

    Returns:
        tuple: Normalised images (B, 3, H, W), zero at padding; padding mask
        (B, H, W), True at padding; samples of the images.
    """
    height, width = (max(lengths) for lengths in zip(*SIZES))
    generator = torch.Generator().manual_seed(0)
    inputs = torch.zeros(len(SIZES), 3, height, width)
    padding = torch.ones(len(SIZES), height, width, dtype=torch.bool)
    for image, padded, (h, w) in zip(inputs, padding, SIZES):
        image[:, :h, :w] = torch.randn(3, h, w, generator=generator)
        padded[:h, :w] = False
    samples = [
        PoseDataSample(
            metainfo=dict(img_shape=size, batch_input_shape=(height, width))
        )
        for size in SIZES
    ]
    return inputs, padding, samples


def require_same(difference: Dict[str, float]) -> None:
    """Raise a UserError if a difference is larger than rounding errors.

    Args:
        difference (dict): Result of :func:`largest_difference`.
    """
    allowed = TOLERANCE * max(1.0, difference['largest'])
    same = difference['logits'] <= allowed and difference['poses'] <= TOLERANCE
    if not same:  # NaN is not the same
        raise UserError(
            'The converted model differs from the source by '
            f'{difference["logits"]:.1e} in its logits (allowed '
            f'{allowed:.1e}) and {difference["poses"]:.1e} in its poses '
            f'(allowed {TOLERANCE:.0e}), so nothing was written.'
        )
