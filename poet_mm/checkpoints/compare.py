"""Tell where weights differ from a model, block by block and in words.

A block is what a figure of the model would show as one box: the backbone, the
head's encoder, its queries.
"""

from typing import Dict, List, Mapping, NamedTuple, Optional, Tuple

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS
from torch import Tensor, nn

Shapes = Dict[str, Tuple[int, ...]]  # of weights, by name

# The key of the config behind an output of the head, and what its value is of
# the number of rows.
SETTINGS = {
    'head.query_embedding': ('num_queries', lambda rows: rows),
    'head.class_embed': ('num_classes', lambda rows: rows - 1),
    'head.pose_embed': ('num_keypoints', lambda rows: (rows - 2) // 3),
}


def strip_ddp(weights: Mapping[str, Tensor]) -> Dict[str, Tensor]:
    """Return weights without the prefix that DDP puts before names."""
    return {name.removeprefix('module.'): x for name, x in weights.items()}


def shapes_of(weights: Mapping[str, Tensor]) -> Shapes:
    """Return shapes by name, without counters of batches, which no model
    needs.
    """
    return {
        name: tuple(value.shape)
        for name, value in weights.items()
        if isinstance(value, Tensor)
        and not name.endswith('num_batches_tracked')
    }


def block_of(name: str) -> str:
    """Return ``'head.encoder'`` of ``'head.encoder.layers.0.bias'``."""
    parts = name.split('.')
    return '.'.join(parts[: 2 if parts[0] == 'head' else 1])


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
        """Return the weights that the model needs and does not get."""
        return [
            name
            for name, shape in self.expected.items()
            if self.found.get(name) != shape
        ]

    def describe(self) -> str:
        """Say how it differs: as a whole, or its first weight that does."""
        if not self.found:
            return f'{self.name} is not in the checkpoint'
        if not self.expected:
            return f'{self.name} is not in the model'
        found, expected = self.found, self.expected
        first = next(
            name
            for name in [*expected, *found]
            if found.get(name) != expected.get(name)
        )
        return (
            f'{first} is {found.get(first, "not")} in the checkpoint, '
            f'{expected.get(first, "not")} in the model'
        )

    @property
    def setting(self) -> Optional[str]:
        """Return ``'model.head.num_queries=50'`` if that makes it fit."""
        if self.name not in SETTINGS or not (self.found and self.expected):
            return None
        key, value_of = SETTINGS[self.name]
        return f'model.head.{key}={value_of(list(self.found.values())[-1][0])}'


def compare_blocks(expected: Shapes, found: Shapes) -> List[Block]:
    """Return the blocks of either side, first the model's in its order."""
    names = dict.fromkeys(map(block_of, [*expected, *found]))
    blocks = {name: Block(name, {}, {}) for name in names}
    for name, shape in expected.items():
        blocks[block_of(name)].expected[name] = shape
    for name, shape in found.items():
        blocks[block_of(name)].found[name] = shape
    return list(blocks.values())


def build_model(cfg: Config) -> nn.Module:
    """Return the model of a config, with the weights of its constructor."""
    init_default_scope(cfg.get('default_scope', 'mmpose'))
    return MODELS.build(cfg.model)
