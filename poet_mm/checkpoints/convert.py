"""Convert checkpoints of the authors' POET, of DETR and of MMPose 0.x.

The results have this repository's layout. :func:`convert_to_release` converts
back to the authors'. A block is loaded whole or not at all.
"""

import hashlib
import os.path as osp
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Tuple

import mmpose.apis
import torch
from mmengine.config import Config
from mmengine.model import stack_batch
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from ..errors import UserError, first_line
from ..models.layers.pose import fields_of
from ..utils.config import walk
from .compare import compare_blocks, shapes_of
from .files import versions
from .layouts import (
    CLASS_ORDER,
    from_detr,
    from_mmpose_ae,
    from_release,
    guess_layout,
    to_release,
)
from .loading import misfit_error, read_weights
from .publish import to_plain
from .release_model import HEADS, release_model

# Image normalisation of DETR and POET. It cannot be read from weights.
IMAGENET = dict(
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
)
PROGRAMS = {  # layout: program
    'poet': "the authors' release of POET",
    'detr': 'DETR',
    'mmpose-ae': 'MMPose 0.x',
    'ours': 'this repository',
}
SIZES = ((192, 160), (128, 224))  # height, width of the images to compare on
TOLERANCE = 1e-3  # relative to the largest output
WHOLE = ('poet', 'mmpose-ae')  # layouts of whole models


class Conversion(NamedTuple):
    """Hold a converted checkpoint, and what it was made from.

    Attributes:
        checkpoint (dict): Contents of the file to write.
        model (nn.Module): Model of the config, with the converted weights.
        source (dict): Weights by their old names.
        cfg (Config): Config that the checkpoint fits.
        dropped (list[str]): Descriptions of the weights that were left out,
            such as ``'bbox_embed (6 weights)'``.
    """

    checkpoint: Dict[str, Any]
    model: nn.Module
    source: Dict[str, Tensor]
    cfg: Config
    dropped: List[str]


def convert(layout: str, path: str, cfg: Config) -> Conversion:
    """Convert a checkpoint of another program.

    1. Read the weights, and check the config.
    2. Rename the weights.
    3. Build the model, and compare the weights with it block by block.

    Args:
        layout (str): ``'poet'``, ``'mmpose-ae'`` or ``'detr'``. The first two
            are whole models, and the result contains the config.
        path (str): Checkpoint file.
        cfg (Config): Config that the result is for. With ``'poet'`` it is
            changed in place: its number of queries becomes that of the
            checkpoint.

    Raises:
        UserError: A weight has no place, a block does not fit the config, or
            the config is of another kind of model.
    """
    # 1. Read.
    source = read_source(path, layout)
    check_config(cfg, layout)
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    meta = dict(
        source=dict(layout=layout, file=osp.basename(path), sha256=digest),
        versions=versions(),
    )
    # 2. Rename.
    dropped: List[str] = []
    if layout == 'poet':
        weights = from_release(source)
        queries = weights.get('head.query_embedding.weight')
        if queries is not None:
            cfg.model.head.num_queries = len(queries)
    elif layout == 'mmpose-ae':
        weights = from_mmpose_ae(source)
    else:
        # two-stage proposals replace it
        has_query_embedding = not cfg.model.head.get('propose', False)
        weights, dropped = from_detr(
            source, cfg.model.head.num_queries if has_query_embedding else 0
        )
    if layout in WHOLE:
        meta.update(
            cfg=cfg.pretty_text,
            dataset_meta=to_plain(
                mmpose.apis.inference.dataset_meta_from_config(cfg)
            ),
        )
    # 3. Compare.
    try:
        model = build_model(cfg)
    except Exception as error:  # each part checks its own values
        raise UserError(
            'The model of the config cannot be built '
            f'({type(error).__name__}: {first_line(error)}). Correct --config '
            'or --cfg-options.'
        ) from error
    blocks = compare_blocks(shapes_of(model.state_dict()), shapes_of(weights))
    wrong = [
        block
        for block in blocks
        if not block.fits and (block.found or layout in WHOLE)
    ]
    if wrong:
        advice = 'Give the config that it is for with --config.'
        raise misfit_error(path, wrong, advice)
    model.load_state_dict(weights, strict=False)
    return Conversion(
        dict(state_dict=weights, meta=meta), model.eval(), source, cfg, dropped
    )


def build_model(cfg: Config) -> nn.Module:
    """Build the model of a config, with random weights."""
    init_default_scope(cfg.get('default_scope', 'mmpose'))
    return MODELS.build(cfg.model)


def convert_to_release(path: str) -> Tuple[Dict[str, Any], List[str]]:
    """Convert a checkpoint of ours to the layout of the authors' release.

    Returns:
        tuple[dict, list[str]]: Contents of the file to write, and descriptions
        of the weights that were left out.

    Raises:
        UserError: The weights are of another model or incomplete.
    """
    source = read_source(path, 'to-release')
    release = to_release(source)
    try:
        with torch.no_grad():  # run once: a missing weight raises a KeyError
            image, padding = torch.zeros(1, 3, 32, 32), torch.zeros(1, 32, 32)
            release_model(release, image, padding.bool())
    except KeyError as error:
        raise UserError(
            f'{error} is missing: the release of POET is a whole model, not a '
            'part such as a backbone.'
        ) from error
    except RuntimeError as error:
        raise UserError(
            f'The release of POET has {HEADS} attention heads. These weights '
            f'do not fit it: {first_line(error)}'
        ) from error
    counters = len(source) - len(release)
    dropped = [f'num_batches_tracked ({counters} weights)'] if counters else []
    return dict(model=release), dropped


def read_source(path: str, layout: str) -> Dict[str, Tensor]:
    """Read the weights of a checkpoint file.

    Args:
        path (str): Checkpoint file.
        layout (str): ``'poet'``, ``'detr'``, ``'mmpose-ae'`` or
            ``'to-release'``.

    Raises:
        UserError: The file cannot be read, or has another layout.
    """
    weights = read_weights(path)
    expected = 'ours' if layout == 'to-release' else layout
    found = guess_layout(weights)
    if found in (None, expected):
        return weights
    fitting = 'to-release' if found == 'ours' else found
    raise UserError(
        f'{path} has the names of {PROGRAMS[found]}, not of '
        f'{PROGRAMS[expected]}. Use it as it is, or convert it with '
        f'python tools/convert_checkpoint.py {fitting} {path} DST'
    )


def check_config(cfg: Config, layout: str) -> None:
    """Raise a UserError if a config does not suit converted weights.

    It must have a POETHead with 8 attention heads (for ``'mmpose-ae'`` an
    AEHead), ImageNet normalisation in RGB, and no ResNet with
    ``style='caffe'``. Weights have the same shapes with other settings, so
    that loading would not show the mistake.
    """
    model = cfg.get('model') or {}
    head = model.get('head') or {}
    kind, key = ('POETHead', 'num_queries')
    if layout == 'mmpose-ae':
        kind, key = ('AEHead', 'deconv_out_channels')
    if key not in head:
        raise UserError(
            f'{layout} needs a config whose model.head is a {kind}, got '
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
    if any(node.get('num_heads', HEADS) != HEADS for node in walk(head)):
        wrong.append(f'num_heads={HEADS} in model.head')
    if wrong:
        raise UserError(
            'The weights would fit, but were trained with '
            f'{", ".join(wrong)}: set that in the config.'
        )


@torch.no_grad()
def largest_difference(conversion: Conversion) -> Dict[str, float]:
    """Compare a converted model with the equations of the release.

    Both get the same random images, padded to one batch.

    Args:
        conversion (Conversion): Conversion of layout ``'poet'``.

    Returns:
        dict[str, float]: Largest absolute difference over all decoder layers
        of ``logits`` and of ``poses`` (centres, offsets, visibility), and
        ``max_logit``, the largest absolute logit.

    Raises:
        UserError: A difference is larger than rounding errors.
    """
    generator = torch.Generator().manual_seed(0)
    images = [torch.randn(3, *size, generator=generator) for size in SIZES]
    inputs = stack_batch(images)  # (B, 3, H, W)
    padding = stack_batch([x[:1] * 0 for x in images], pad_value=1)[:, 0] == 1
    shape = tuple(inputs.shape[-2:])
    samples = [
        PoseDataSample(metainfo=dict(img_shape=size, batch_input_shape=shape))
        for size in SIZES
    ]
    model = conversion.model
    fields = model.head(model.extract_feat(inputs), samples)
    expected, poses = release_model(conversion.source, inputs, padding)
    expected = expected[..., CLASS_ORDER]
    logits = float((fields['logits'] - expected).abs().max())
    differences = [
        (fields[name] - value).abs().max()
        for name, value in fields_of(poses).items()
    ]
    pose_difference = float(torch.stack(differences).max())
    max_logit = float(expected.abs().max())
    allowed = TOLERANCE * max(1.0, max_logit)
    if not (logits <= allowed and pose_difference <= TOLERANCE):  # NaN, too
        raise UserError(
            f'The converted model differs from the source by {logits:.1e} in '
            f'its logits (allowed {allowed:.1e}) and {pose_difference:.1e} in '
            f'its poses (allowed {TOLERANCE:.0e}), so nothing was written.'
        )
    return dict(logits=logits, poses=pose_difference, max_logit=max_logit)
