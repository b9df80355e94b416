"""Rename weights between the authors' POET, DETR, MMPose 0.x and ours.

In a template of names, ``#`` is one part of a name, without dots, and ``*`` is
the rest of a name. Both are kept. The authors' POET has DETR's checkpoint
keys, except for the output layers. ``tools/convert_checkpoint.py`` describes
the layouts.
"""

import re
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from torch import Tensor

from ..errors import UserError

Pairs = Tuple[Tuple[str, str], ...]  # templates: theirs, ours

LAYER: Pairs = (  # of the encoder or the decoder
    ('self_attn.in_proj_#', 'self_attn.in_proj.#'),
    ('self_attn.out_proj.#', 'self_attn.out_proj.#'),
    ('multihead_attn.in_proj_#', 'cross_attn.in_proj.#'),
    ('multihead_attn.out_proj.#', 'cross_attn.out_proj.#'),
    ('linear1.#', 'ffn.layers.0.0.#'),
    ('linear2.#', 'ffn.layers.1.#'),
    ('norm1.#', 'norms.0.#'),
    ('norm2.#', 'norms.1.#'),
    ('norm3.#', 'norms.2.#'),
)
SHARED_PAIRS: Pairs = (  # of the authors' POET and of DETR
    ('backbone.0.body.*', 'backbone.*'),
    ('input_proj.#', 'head.input_proj.#'),
    *(
        (f'transformer.#.layers.#.{theirs}', f'head.#.layers.#.{ours}')
        for theirs, ours in LAYER
    ),
    ('transformer.decoder.norm.#', 'head.decoder.post_norm.#'),
)
QUERIES = ('query_embed.weight', 'head.query_embedding.weight')
# Both layouts of a pose: xc, yc, then dx, dy, v of each keypoint.
RELEASE: Pairs = (
    *SHARED_PAIRS,
    QUERIES,
    ('class_embed.#', 'head.class_embed.#'),
    ('kpt_embed.layers.*', 'head.pose_embed.layers.*'),
)
# AE of MMPose 0.x; MMPose 1.x has no other names than ours.
MMPOSE_AE: Pairs = (
    ('backbone.*', 'backbone.*'),
    ('keypoint_head.deconv_layers.*', 'head.deconv_layers.*'),
    ('keypoint_head.final_layer.#', 'head.final_layer.#'),
)
# The release's classes are empty person, person, no object; ours are person,
# empty person, no object (codecs/poet_codec.py). The order is its own inverse.
CLASS_ORDER = [1, 0, 2]
# prefixes that neither DETR nor the authors' release has
OURS = ('head.input_proj.', 'head.encoder.', 'head.decoder.')


def rename(
    weights: Mapping[str, Tensor],
    pairs: Sequence[Tuple[str, str]],
    layout: str,
) -> Dict[str, Tensor]:
    """Rename each weight by the first pair whose old template matches.

    Args:
        weights (dict): Weights by name.
        pairs (sequence): Templates of old and new names.
        layout (str): Name of the other program for the message.

    Raises:
        UserError: A name fits none of the old templates.
    """
    renamed, unknown = {}, []
    for name, value in weights.items():
        for first, second in pairs:
            pattern = re.escape(first).replace(r'\#', r'([^.]+)')
            match = re.fullmatch(pattern.replace(r'\*', '(.+)'), name)
            if match:
                template = re.sub('[#*]', '{}', second)
                renamed[template.format(*match.groups())] = value
                break
        else:
            unknown.append(name)
    if unknown:
        raise UserError(
            f'{len(unknown)} of {len(weights)} weights have no place in '
            f'{layout}, such as {", ".join(unknown[:3])}. A backbone alone '
            'needs no conversion: set model.backbone.init_cfg.'
        )
    return renamed


def from_release(weights: Mapping[str, Tensor]) -> Dict[str, Tensor]:
    """Rename all weights of the authors' release to ours."""
    return _swap_classes(rename(weights, RELEASE, 'the release of POET'))


def to_release(weights: Mapping[str, Tensor]) -> Dict[str, Tensor]:
    """Undo :func:`from_release`.

    ``num_batches_tracked`` is dropped: frozen batch norms do not have it.

    Raises:
        UserError: The weights are of another model.
    """
    weights = {
        name: value
        for name, value in weights.items()
        if not name.endswith('num_batches_tracked')
    }
    reverse = [(ours, theirs) for theirs, ours in RELEASE]
    return rename(_swap_classes(weights), reverse, 'the release of POET')


def _swap_classes(weights: Mapping[str, Tensor]) -> Dict[str, Tensor]:
    """Swap person and empty person in the class layer of our names.

    Raises:
        UserError: The layer does not have the release's three classes.
    """
    weights = dict(weights)
    for name in ('head.class_embed.weight', 'head.class_embed.bias'):
        if name not in weights:
            continue
        if len(weights[name]) != len(CLASS_ORDER):
            raise UserError(
                f'The release of POET has 3 classes: empty person, person, '
                f'no object; these weights have {len(weights[name])}. '
                'configs/poet_r50_release_coco.py has the same three.'
            )
        weights[name] = weights[name][CLASS_ORDER]
    return weights


def from_mmpose_ae(weights: Mapping[str, Tensor]) -> Dict[str, Tensor]:
    """Rename all weights of an AE of MMPose 0.x to ours."""
    return rename(weights, MMPOSE_AE, 'the AE of MMPose 0.x')


def from_detr(
    weights: Mapping[str, Tensor], num_queries: int
) -> Tuple[Dict[str, Tensor], List[str]]:
    """Rename weights of DETR to ours, to start a training from.

    DETR's class and box layers are dropped, because they predict no keypoints.

    Args:
        weights (dict): Weights by the names of DETR.
        num_queries (int): Number of queries to take from DETR, the first of
            its 100. Which queries detect most objects cannot be read from the
            checkpoint. 0 takes none.

    Returns:
        tuple[dict, list[str]]: Weights by our names, and descriptions of the
        weights that were left out, such as ``'bbox_embed (6 weights)'``.

    Raises:
        UserError: DETR has fewer queries, or a weight has no place.
    """
    weights, dropped = dict(weights), []
    for part in ('class_embed', 'bbox_embed'):
        names = [name for name in weights if name.startswith(f'{part}.')]
        for name in names:
            del weights[name]
        if names:
            dropped.append(f'{part} ({len(names)} weights)')
    queries = weights.pop(QUERIES[0], ())
    ours = rename(weights, SHARED_PAIRS, 'DETR')
    if num_queries > len(queries):
        raise UserError(
            f'The config has {num_queries} queries, the DETR checkpoint '
            f'{len(queries)}. Set fewer with --cfg-options '
            'model.head.num_queries=N.'
        )
    if num_queries:
        ours[QUERIES[1]] = queries[:num_queries]
    if num_queries < len(queries):
        dropped.append(
            f'{len(queries) - num_queries} of {len(queries)} queries'
        )
    return ours, dropped


def guess_layout(weights: Mapping) -> Optional[str]:
    """Guess the layout of a checkpoint from the names of its weights.

    Returns:
        str, optional: ``'poet'``, the authors' release; ``'detr'``;
        ``'mmpose-ae'``, an AE of MMPose 0.x; ``'ours'``, a POET of this
        repository; or None.
    """
    weights = weights.get('model', weights)  # a whole file, of the inferencer
    if any(str(name).startswith(OURS) for name in weights):
        return 'ours'
    first = {str(name).split('.')[0] for name in weights}
    if 'kpt_embed' in first:
        return 'poet'
    if {'transformer', 'input_proj'} <= first:
        return 'detr'
    if {'backbone', 'keypoint_head'} <= first:
        return 'mmpose-ae'
    return None
