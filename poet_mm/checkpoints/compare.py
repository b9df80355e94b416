"""Where weights differ from a model, block by block and in words; and which
of our configs they were trained with.

A block is what a figure of the model would show as one box: the backbone, the
head's encoder, its queries.
"""
import os.path as osp
from functools import cache
from glob import glob
from typing import Dict, List, Mapping, NamedTuple, Optional, Tuple

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS
from torch import Tensor, nn

from ..utils.config import CONFIGS

Shape = Tuple[int, ...]
Shapes = Dict[str, Shape]  # of weights, by name

LEAST_ALIKE = 0.5  # below, no config is worth naming
MOST_NAMED = 3
# The key of the config behind an output of the head, and what its value is of
# the number of rows.
SETTINGS = {
    'head.query_embedding': ('num_queries', lambda rows: rows),
    'head.class_embed': ('num_classes', lambda rows: rows - 1),
    'head.pose_embed': ('num_keypoints', lambda rows: (rows - 2) // 3),
}


def strip_ddp(weights: Mapping[str, Tensor]) -> Dict[str, Tensor]:
    """Names without the prefix that DDP puts before them."""
    return {
        name[len('module.'):] if name.startswith('module.') else name: value
        for name, value in weights.items()
    }


def shapes_of(weights: Mapping[str, Tensor]) -> Shapes:
    """Shapes by name, without counters of batches, which no model needs."""
    return {
        name: tuple(value.shape)
        for name, value in weights.items() if isinstance(value, Tensor)
        and not name.endswith('num_batches_tracked')
    }


def block_of(name: str) -> str:
    """``'head.encoder'`` of ``'head.encoder.layers.0.norms.1.bias'``."""
    parts = name.split('.')
    return '.'.join(parts[:2 if parts[0] == 'head' else 1])


class Block(NamedTuple):
    """Shapes of one block, ``expected`` by a model and ``found``."""
    name: str
    expected: Shapes
    found: Shapes

    @property
    def fits(self) -> bool:
        return self.expected == self.found

    @property
    def misfits(self) -> List[str]:
        """Weights that the model needs and does not get."""
        return [
            name for name, shape in self.expected.items()
            if self.found.get(name) != shape
        ]

    @property
    def unused(self) -> List[str]:
        return [name for name in self.found if name not in self.expected]

    def describe(self) -> str:
        """How it differs, as a clause: lists of other lengths, then the first
        weight of another shape, else what is there on one side only."""
        if not self.found:
            return f'{self.name} is not in the checkpoint'
        if not self.expected:
            return f'{self.name} is not in the model'
        found, expected = map(_list_lengths, (self.found, self.expected))
        said = [
            f'{name} has {found[name]} blocks in the checkpoint, {number} in '
            'the model' for name, number in expected.items()
            if found.get(name, number) != number
        ][:1]
        said += [
            f'{name} is {self.found[name]} in the checkpoint, {shape} in the '
            'model' for name, shape in self.expected.items()
            if self.found.get(name, shape) != shape
        ][:1]
        return ', and '.join(said) or self._one_sided()

    def _one_sided(self) -> str:
        missing = [name for name in self.misfits if name not in self.found]
        if missing:
            return f'{missing[0]} is not in the checkpoint'
        return f'{self.unused[0]} is not in the model'

    @property
    def setting(self) -> Optional[str]:
        """``'model.head.num_queries=50'`` if that would make it fit."""
        if self.name not in SETTINGS or not (self.found and self.expected):
            return None
        key, value_of = SETTINGS[self.name]
        return f'model.head.{key}={value_of(list(self.found.values())[-1][0])}'


def compare_blocks(expected: Shapes, found: Shapes) -> List[Block]:
    """All blocks of either side, those of the model first and in its order."""
    names = dict.fromkeys(map(block_of, [*expected, *found]))
    blocks = {name: Block(name, {}, {}) for name in names}
    for name, shape in expected.items():
        blocks[block_of(name)].expected[name] = shape
    for name, shape in found.items():
        blocks[block_of(name)].found[name] = shape
    return list(blocks.values())


def _list_lengths(shapes: Shapes) -> Dict[str, int]:
    """How many numbered parts there are: ``{'backbone.layer3': 6, ...}``."""
    numbers: Dict[str, set] = {}
    for name in shapes:
        parts = name.split('.')
        for i, part in enumerate(parts):
            if part.isdigit():
                numbers.setdefault('.'.join(parts[:i]), set()).add(part)
    return {name: len(found) for name, found in numbers.items()}


def build_model(cfg: Config) -> nn.Module:
    """The model of a config, whose weights nobody has fetched or drawn."""
    init_default_scope(cfg.get('default_scope', 'mmpose'))
    return MODELS.build(cfg.model)


def likely_config(found: Shapes) -> str:
    """A sentence, empty if no config in ``configs/`` is like the weights."""
    best, names = most_alike(found)
    if best < LEAST_ALIKE:
        return ''
    more = len(names) - MOST_NAMED
    named = ', '.join(f'configs/{name}' for name in names[:MOST_NAMED])
    return (f'It looks like {named}' + (f' or {more} more' if more > 0 else '')
            + '.')


def most_alike(found: Shapes) -> Tuple[float, List[str]]:
    """The largest share of equal weights that a config has with ``found``, and
    the files of the configs that have it."""
    shares = {}
    for path in sorted(glob(osp.join(CONFIGS, '*.py'))):
        shares[osp.basename(path)] = _share(found, _shapes_of_config(path))
    best = max(shares.values(), default=0.0)
    return best, [name for name, share in shares.items() if share == best]


def _share(found: Shapes, expected: Shapes) -> float:
    """Equal weights / all weights, of the blocks that were found."""
    blocks = set(map(block_of, found))
    theirs = {item for item in expected.items() if block_of(item[0]) in blocks}
    ours = set(found.items())
    return len(ours & theirs) / max(len(ours | theirs), 1)


@cache
def _shapes_of_config(path: str) -> Shapes:
    """Built without memory where the backbone allows that; none of a config
    that is broken, which must not hide what is to be said."""
    try:
        cfg = Config.fromfile(path)
        try:
            with torch.device('meta'):
                return shapes_of(build_model(cfg).state_dict())
        except (NotImplementedError, RuntimeError):  # it looks at a value
            return shapes_of(build_model(cfg).state_dict())
    except Exception:
        return {}
