"""Convert a file of another program to one of ours, and back; what is written
fits its config, whole blocks at a time.
"""

import os.path as osp
from typing import Any, Callable, Dict, List, NamedTuple, Tuple

import mmpose.apis
import torch
from mmengine.config import Config
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from ..codecs.poet_codec import EMPTY_PERSON, PERSON
from ..errors import UserError, first_line
from ..models.layers.pose import fields_of
from .compare import build_model, compare_blocks, shapes_of
from .files import read_checkpoint, sha256_of, state_dict_of, versions
from .layouts import (
    NO_OBJECT,
    from_detr,
    from_release,
    guess_layout,
    is_ours,
    to_release,
)
from .loading import misfit, nothing_fits
from .publish import to_plain

# What the programs normalise images with, which weights do not tell.
IMAGENET = dict(
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
)
PROGRAMS = {  # whose layout it is
    'poet': "the authors' release of POET",
    'detr': 'DETR',
    'ours': 'this repository',
}
TOLERANCE = 1e-3  # of the largest output

# A model of the source's own layout: its weights, normalised images
# (B, 3, H, W) and padding mask (B, H, W), True at padding -> logits
# (L, B, Q, 3) and poses (L, B, Q, ...) after the sigmoid, laid out as in
# PoseLogits.
Reference = Callable[[Dict[str, Tensor], Tensor, Tensor], Any]


class Conversion(NamedTuple):
    """``checkpoint`` to write; the ``model`` of the config with its weights;
    ``source``, the weights under their old names; ``cfg``; and what was
    ``dropped`` on purpose, in words.
    """

    checkpoint: Dict[str, Any]
    model: nn.Module
    source: Dict[str, Tensor]
    cfg: Config
    dropped: List[str]


def convert(layout: str, path: str, cfg: Config) -> Conversion:
    """Read a checkpoint of another program.

    Args:
        layout (str): ``'poet'`` or ``'detr'``.
        path (str): File.
        cfg (Config): What it is for. With ``'poet'`` the number of queries is
            that of the checkpoint, and the config goes into the result.

    Raises:
        UserError: A weight has no place, a block does not fit the config, or
            that is of another model.
    """
    source = read_source(path, layout)
    require_poet(cfg, layout)
    check_input(cfg)
    meta = dict(
        source=dict(
            layout=layout, file=osp.basename(path), sha256=sha256_of(path)
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
    model = build_or_say_why(cfg)
    require_whole_blocks(model, weights, path, whole_model=layout == 'poet')
    model.load_state_dict(weights, strict=False)
    return Conversion(
        dict(state_dict=weights, meta=meta), model.eval(), source, cfg, dropped
    )


def release_of(path: str) -> Tuple[Dict[str, Any], List[str]]:
    """Return a checkpoint of ours in the layout of the authors' release, and
    what was dropped, in words.
    """
    source = read_source(path, 'to-release')
    release = to_release(source)
    counters = len(source) - len(release)
    dropped = [f'num_batches_tracked ({counters} weights)'] if counters else []
    return dict(model=release), dropped


def read_source(path: str, layout: str) -> Dict[str, Tensor]:
    """Read the weights of a file, which are not plainly in another layout.

    Raises:
        UserError: They are, or the file cannot be read.
    """
    if not osp.isfile(path):
        raise UserError(f'There is no checkpoint {path}.')
    weights = state_dict_of(read_checkpoint(path), path)
    expected = 'ours' if layout == 'to-release' else layout
    found = guess_layout(weights)
    if is_ours(weights):
        found = 'ours'
    if found in (None, expected):
        return weights
    if found == 'torchvision':
        raise nothing_fits(path, weights)
    advice = f'Take: python tools/convert_checkpoint.py {found} {path} DST'
    if found == 'ours':
        advice = 'It needs no conversion; to-release makes of it what they use'
    elif (found, layout) == ('poet', 'to-release'):
        advice = 'It is what to-release makes: nothing is to be done'
    raise UserError(
        f'{path} has the names of {PROGRAMS[found]}, not of '
        f'{PROGRAMS[expected]}. {advice}'
    )


def build_or_say_why(cfg: Config) -> nn.Module:
    """Build the model of a config, or raise a UserError."""
    try:
        return build_model(cfg)
    except Exception as error:  # each part checks its own values
        raise UserError(
            'The model of the config cannot be built '
            f'({type(error).__name__}: {first_line(error)}). Correct --config '
            'or --cfg-options.'
        ) from error


def require_poet(cfg: Config, layout: str) -> None:
    """Raise a UserError if a config is of a model without queries."""
    head = (cfg.get('model') or {}).get('head') or {}
    if 'num_queries' not in head:
        raise UserError(
            f'{layout} needs the config of a POET, whose model.head is a '
            f'POETHead; this one has {head.get("type", "none")}. Give another '
            'with --config.'
        )


def check_input(cfg: Config) -> None:
    """Raise a UserError if a config feeds or strides its ResNet otherwise than
    the programs that we convert from: weights would fit all the same.
    """
    model = cfg.get('model') or {}
    backbone = model.get('backbone') or {}
    preprocessor = model.get('data_preprocessor') or {}
    wrong = [
        f'model.data_preprocessor.{key}={value}'
        for key, value in IMAGENET.items()
        if preprocessor.get(key) != value
    ]
    if backbone.get('style', 'pytorch') != 'pytorch':
        wrong.append('model.backbone.style=pytorch')
    if wrong:
        raise UserError(
            'The weights would fit, but were trained with '
            f'{" ".join(wrong)}: set that in the config.'
        )


def require_whole_blocks(
    model: nn.Module, weights: Dict[str, Tensor], path: str, whole_model: bool
) -> None:
    """Raise a UserError unless every block that has weights fits, and with
    ``whole_model`` none is missing.
    """
    blocks = compare_blocks(shapes_of(model.state_dict()), shapes_of(weights))
    wrong = [
        block
        for block in blocks
        if not block.fits and (block.found or whole_model)
    ]
    if wrong:
        raise misfit(
            path,
            wrong,
            weights,
            'Give the config that it is for with --config.',
        )


@torch.no_grad()
def largest_difference(
    conversion: Conversion,
    reference: Reference,
    sizes=((192, 160), (128, 224)),
) -> Dict[str, float]:
    """Compare converted model and source on images of noise in one batch.

    Args:
        conversion (Conversion): Of layout ``'poet'``.
        reference (callable): The source's model, see ``Reference``.
        sizes (sequence): Height and width of each image.

    Returns:
        dict[str, float]: Largest difference of ``logits`` and of ``poses``
        (centres, offsets halved, visibility; all in [0, 1]), over all decoder
        layers, and ``largest``, the largest output that was compared.
    """
    inputs, padding, samples = noise_batch(sizes)
    model = conversion.model
    fields = model.head(model.extract_feat(inputs), samples)
    logits, poses = reference(conversion.source, inputs, padding)
    logits = logits[..., [EMPTY_PERSON, PERSON, NO_OBJECT]]
    return dict(
        logits=float((fields['logits'] - logits).abs().max()),
        poses=max(
            float((fields[name] - value).abs().max())
            for name, value in fields_of(poses).items()
        ),
        largest=float(logits.abs().max()),
    )


def noise_batch(sizes):
    """Draw normalised images (B, 3, H, W), zero outside of their sizes,
    the padding mask (B, H, W), and their samples.
    """
    height, width = (max(lengths) for lengths in zip(*sizes))
    generator = torch.Generator().manual_seed(0)
    inputs = torch.zeros(len(sizes), 3, height, width)
    padding = torch.ones(len(sizes), height, width, dtype=torch.bool)
    for image, padded, (h, w) in zip(inputs, padding, sizes):
        image[:, :h, :w] = torch.randn(3, h, w, generator=generator)
        padded[:h, :w] = False
    samples = [
        PoseDataSample(
            metainfo=dict(img_shape=size, batch_input_shape=(height, width))
        )
        for size in sizes
    ]
    return inputs, padding, samples


def require_same(difference: Dict[str, float]) -> None:
    """Raise a UserError if it is more than rounding."""
    allowed = TOLERANCE * max(1.0, difference['largest'])
    if not (
        difference['logits'] <= allowed and difference['poses'] <= TOLERANCE
    ):  # nor if not a number
        raise UserError(
            'The converted model differs from the source by '
            f'{difference["logits"]:.1e} in its logits (allowed '
            f'{allowed:.1e}) and {difference["poses"]:.1e} in its poses '
            f'(allowed {TOLERANCE:.0e}), so nothing was written.'
        )
