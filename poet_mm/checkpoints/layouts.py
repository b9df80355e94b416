"""Tell names and order of weights in other programs, and in ours.

In a template, ``#`` is a number and ``*`` the rest of the name; both are kept.
The authors' release of POET is DETR with other outputs; its layout is told in
the documentation of ``tools/convert_checkpoint.py``.
"""

import re
from collections import Counter
from typing import Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

import torch
from torch import Tensor

from ..codecs.poet_codec import EMPTY_PERSON, PERSON
from ..errors import UserError

Pairs = Tuple[Tuple[str, str], ...]  # templates: theirs, ours


def _attention(theirs: str, ours: str) -> Pairs:
    """Torch's ``nn.MultiheadAttention`` -> our ``MultiheadAttention``."""
    return (
        (f'{theirs}.in_proj_weight', f'{ours}.in_proj.weight'),
        (f'{theirs}.in_proj_bias', f'{ours}.in_proj.bias'),
        (f'{theirs}.out_proj.*', f'{ours}.out_proj.*'),
    )


def _layers(part: str, num_norms: int, *attentions: Pairs) -> Pairs:
    """Return the pairs of all layers of the encoder or decoder."""
    pairs = [pair for attention in attentions for pair in attention]
    pairs += [
        ('linear1.*', 'ffn.layers.0.0.*'),
        ('linear2.*', 'ffn.layers.1.*'),
    ]
    pairs += [(f'norm{i + 1}.*', f'norms.{i}.*') for i in range(num_norms)]
    return tuple(
        (
            f'transformer.{part}.layers.#.{theirs}',
            f'head.{part}.layers.#.{ours}',
        )
        for theirs, ours in pairs
    )


SELF_ATTENTION = _attention('self_attn', 'self_attn')
QUERIES = ('query_embed.weight', 'head.query_embedding.weight')
TRUNK: Pairs = (
    ('backbone.0.body.*', 'backbone.*'),
    ('input_proj.*', 'head.input_proj.*'),
    *_layers('encoder', 2, SELF_ATTENTION),
    *_layers(
        'decoder',
        3,
        SELF_ATTENTION,
        _attention('multihead_attn', 'cross_attn'),
    ),
    ('transformer.decoder.norm.*', 'head.decoder.post_norm.*'),
)
# xc, yc, then dx, dy, v of every keypoint: our poses have the same order.
RELEASE: Pairs = (
    *TRUNK,
    QUERIES,
    ('class_embed.*', 'head.class_embed.*'),
    ('kpt_embed.layers.*', 'head.pose_embed.layers.*'),
)
NO_OBJECT = 2  # the last logit
RELEASE_CLASSES = (EMPTY_PERSON, PERSON, NO_OBJECT)  # ours, in their order
OURS = ('head.input_proj.', 'head.encoder.', 'head.decoder.')  # in no other


def rename(
    weights: Mapping[str, Tensor],
    pairs: Sequence[Tuple[str, str]],
    layout: str,
) -> Dict[str, Tensor]:
    """Rename weights from the first to the second names of pairs of templates.

    Raises:
        UserError: Some have none of the first names.
    """
    patterns = [(_pattern(first), second) for first, second in pairs]
    renamed, unknown = {}, []
    for name, value in weights.items():
        matches = (
            (pattern.fullmatch(name), template)
            for pattern, template in patterns
        )
        match, template = next((x for x in matches if x[0]), (None, ''))
        if match is None:
            unknown.append(name)
        else:
            renamed[_fill(template, match.groups())] = value
    if unknown:
        raise UserError(
            f'{len(unknown)} of {len(weights)} weights have no place in '
            f'{layout}, such as {", ".join(unknown[:3])}.'
        )
    return renamed


def _pattern(template: str) -> 're.Pattern':
    escaped = re.escape(template)
    return re.compile(escaped.replace(r'\#', r'(\d+)').replace(r'\*', '(.+)'))


def _fill(template: str, values: Sequence[str]) -> str:
    values = iter(values)
    return re.sub(r'[#*]', lambda _: next(values), template)


def from_release(weights: Mapping[str, Tensor]) -> Dict[str, Tensor]:
    """Rename all weights of the authors' release to ours."""
    ours = rename(weights, RELEASE, 'the release of POET')
    order = torch.tensor(RELEASE_CLASSES)
    for name in _class_names(ours):
        ours[name] = torch.empty_like(ours[name]).index_copy(
            0, order, ours[name]
        )
    return ours


def to_release(weights: Mapping[str, Tensor]) -> Dict[str, Tensor]:
    """Undo :func:`from_release`. Counters of batches are dropped: frozen batch
    norms have none.

    Raises:
        UserError: It is another model than theirs, or only a part of one.
    """
    weights = {
        name: value
        for name, value in weights.items()
        if not name.endswith('num_batches_tracked')
    }
    order = torch.tensor(RELEASE_CLASSES)
    for name in _class_names(weights):
        weights[name] = weights[name].index_select(0, order)
    reverse = [(ours, theirs) for theirs, ours in RELEASE]
    release = rename(weights, reverse, 'the release of POET')
    require_all(release, RELEASE)
    return release


def require_all(weights: Iterable[str], pairs: Pairs) -> None:
    """Raise a UserError unless each of the first templates of pairs has a
    weight, and if it has one in the layers 0, 1, ..., in each that there is.
    """
    layers = {}  # 'transformer.encoder.layers' -> numbers
    for name in weights:
        match = re.match(r'(transformer\.\w+\.layers)\.(\d+)\.', name)
        if match:
            layers.setdefault(match[1], set()).add(match[2])
    for first, second in pairs:
        numbers = layers.get(first.split('.#')[0], ['0'])
        for number in sorted(numbers, key=int):
            pattern = _pattern(first.replace('#', number))
            if not any(map(pattern.fullmatch, weights)):
                raise UserError(
                    f'{second.replace("#", number)} is missing: the release '
                    'of POET is a whole model, not a part such as a backbone.'
                )


def _class_names(weights: Mapping[str, Tensor]) -> Sequence[str]:
    """Find the class layer, which must have the release's three rows."""
    names = [f'head.class_embed.{kind}' for kind in ('weight', 'bias')]
    for name in names:
        if name in weights and len(weights[name]) != len(RELEASE_CLASSES):
            raise UserError(
                f'The release of POET has 3 classes: empty person, person, '
                f'no object; these weights have {len(weights[name])}. '
                'configs/poet_r50_release_coco.py has the same three.'
            )
    return [name for name in names if name in weights]


def from_detr(
    weights: Mapping[str, Tensor], num_queries: int
) -> Tuple[Dict[str, Tensor], List[str]]:
    """Rename weights of DETR to ours, to start a training from; its class and
    box layers are dropped, which know nothing of keypoints.

    Args:
        weights (dict): Of DETR.
        num_queries (int): Of DETR's 100 queries the first so many are taken,
            0: none. How much a query is used depends on images, and the
            checkpoint does not tell; they have no order of their own.

    Returns:
        tuple[dict, list[str]]: Weights, and what was dropped, in words.
    """
    weights, dropped = drop(weights, ('class_embed.', 'bbox_embed.'))
    queries = weights.pop(QUERIES[0], None)
    ours = rename(weights, TRUNK, 'DETR')
    if num_queries:
        if queries is None or num_queries > len(queries):
            raise UserError(
                f'The config has {num_queries} queries, the DETR checkpoint '
                f'{0 if queries is None else len(queries)}. Set fewer with '
                '--cfg-options model.head.num_queries=N.'
            )
        ours[QUERIES[1]] = queries[:num_queries]
    if queries is not None and num_queries < len(queries):
        dropped.append(
            f'{len(queries) - num_queries} of {len(queries)} queries'
        )
    return ours, dropped


def drop(
    weights: Mapping[str, Tensor], begins: Tuple[str, ...]
) -> Tuple[Dict[str, Tensor], List[str]]:
    """Drop weights whose names begin so, and say ``['fc (2 weights)']``."""
    kept = {
        name: value
        for name, value in weights.items()
        if not name.startswith(begins)
    }
    counts = Counter(
        name.split('.')[0] for name in weights if name not in kept
    )
    return kept, [
        f'{part} ({count} weight{"s" * (count > 1)})'
        for part, count in counts.items()
    ]


def guess_layout(weights: Mapping) -> Optional[str]:
    """Return the subcommand of ``tools/convert_checkpoint.py`` for weights of
    another program, 'torchvision' for its ResNet, which needs none, and None
    for names that are ours or unknown.
    """
    weights = weights.get('model', weights)
    begins = {str(name).split('.')[0] for name in weights}
    if 'kpt_embed' in begins:
        return 'poet'
    if {'transformer', 'input_proj'} <= begins:
        return 'detr'
    if {'conv1', 'layer1', 'layer4'} <= begins:
        return 'torchvision'
    return None


def is_ours(weights: Mapping) -> bool:
    """Tell whether weights have the names of a POET of this repository."""
    return any(str(name).startswith(OURS) for name in weights)
