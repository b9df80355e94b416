"""Rename the keys of checkpoints between other programs and this one.

In a template, ``#`` is one part of a key, between dots, and ``*`` all that is
left of it; both are kept. The authors' release of POET is DETR with other
outputs. ``tools/convert_checkpoint.py`` describes what is converted.
"""

import re
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from torch import Tensor

from ..errors import UserError

Pairs = Tuple[Tuple[str, str], ...]  # templates: theirs, ours

ENCODER_LAYER: Pairs = (
    ('self_attn.in_proj_#', 'self_attn.in_proj.#'),
    ('self_attn.out_proj.#', 'self_attn.out_proj.#'),
    ('linear1.#', 'ffn.layers.0.0.#'),
    ('linear2.#', 'ffn.layers.1.#'),
    ('norm1.#', 'norms.0.#'),
    ('norm2.#', 'norms.1.#'),
)
DECODER_LAYER: Pairs = (
    *ENCODER_LAYER,
    ('multihead_attn.in_proj_#', 'cross_attn.in_proj.#'),
    ('multihead_attn.out_proj.#', 'cross_attn.out_proj.#'),
    ('norm3.#', 'norms.2.#'),
)
TRUNK: Pairs = (
    ('backbone.0.body.*', 'backbone.*'),
    ('input_proj.#', 'head.input_proj.#'),
    *(
        (
            f'transformer.{part}.layers.#.{theirs}',
            f'head.{part}.layers.#.{ours}',
        )
        for part, layer in (
            ('encoder', ENCODER_LAYER),
            ('decoder', DECODER_LAYER),
        )
        for theirs, ours in layer
    ),
    ('transformer.decoder.norm.#', 'head.decoder.post_norm.#'),
)
QUERIES = ('query_embed.weight', 'head.query_embedding.weight')
# Both poses are xc, yc, then dx, dy, v of every keypoint.
RELEASE: Pairs = (
    *TRUNK,
    QUERIES,
    ('class_embed.#', 'head.class_embed.#'),
    ('kpt_embed.layers.*', 'head.pose_embed.layers.*'),
)
# The release's classes are empty person, person, no object; ours are person,
# empty person, no object (codecs/poet_codec.py). The order is its own inverse.
CLASS_ORDER = [1, 0, 2]
OURS = ('head.input_proj.', 'head.encoder.', 'head.decoder.')  # in no other


def rename(
    weights: Mapping[str, Tensor],
    pairs: Sequence[Tuple[str, str]],
    layout: str,
) -> Dict[str, Tensor]:
    """Rename weights from the first to the second template of a pair.

    Raises:
        UserError: A key fits none of the first templates.
    """
    patterns = [
        (_pattern(first), re.sub('[#*]', '{}', second))
        for first, second in pairs
    ]
    renamed, unknown = {}, []
    for name, value in weights.items():
        for pattern, template in patterns:
            match = pattern.fullmatch(name)
            if match:
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


def _pattern(template: str) -> 're.Pattern':
    escaped = re.escape(template)
    return re.compile(
        escaped.replace(r'\#', r'([^.]+)').replace(r'\*', '(.+)')
    )


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


def from_detr(
    weights: Mapping[str, Tensor], num_queries: int
) -> Tuple[Dict[str, Tensor], List[str]]:
    """Rename weights of DETR to ours, to start a training from.

    DETR's class and box layers are dropped, because they predict no keypoints.

    Args:
        weights (dict): Weights by the names of DETR.
        num_queries (int): Number of queries to take from DETR, the first of
            its 100. The checkpoint does not tell which ones find most
            objects. 0 takes none.

    Returns:
        tuple[dict, list[str]]: Weights by our names, and a phrase for each
        part that was dropped, such as ``'bbox_embed (6 weights)'``.

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
    ours = rename(weights, TRUNK, 'DETR')
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
    """Guess from its keys which program a checkpoint is of.

    Returns:
        str, optional: ``'poet'``, the authors' release; ``'detr'``;
        ``'ours'``, a POET of this repository; or None.
    """
    weights = weights.get('model', weights)
    if any(str(name).startswith(OURS) for name in weights):
        return 'ours'
    first = {str(name).split('.')[0] for name in weights}
    if 'kpt_embed' in first:
        return 'poet'
    if {'transformer', 'input_proj'} <= first:
        return 'detr'
    return None
