"""Compare the weights of a checkpoint with a model, block by block.

A block is a module of the model, or of its head: ``backbone``, ``neck``,
``head.encoder``, ``head.query_embedding``.
"""

from typing import Dict, List, Mapping, NamedTuple, Tuple

from torch import Tensor

Shapes = Dict[str, Tuple[int, ...]]  # shapes of weights by name


def strip_ddp(weights: Mapping[str, Tensor]) -> Dict[str, Tensor]:
    """Return weights without the prefix that DDP puts before names."""
    return {name.removeprefix('module.'): x for name, x in weights.items()}


def shapes_of(weights: Mapping[str, Tensor]) -> Shapes:
    """Return shapes by name.

    ``num_batches_tracked`` is left out: frozen batch norms do not have it.
    """
    return {
        name: tuple(value.shape)
        for name, value in weights.items()
        if isinstance(value, Tensor)
        and not name.endswith('num_batches_tracked')
    }


def block_of(name: str) -> str:
    """Return the block of a weight.

    For example ``'head.encoder'`` of ``'head.encoder.layers.0.bias'``.
    """
    parts = name.split('.')
    return '.'.join(parts[: 2 if parts[0] == 'head' else 1])


class Block(NamedTuple):
    """Hold the shapes of the weights of one block.

    Attributes:
        name (str): Beginning of the names, such as ``'head.encoder'``.
        expected (dict): Shapes by name in the model.
        found (dict): Shapes by name in the checkpoint.
    """

    name: str
    expected: Shapes
    found: Shapes

    @property
    def fits(self) -> bool:
        """Return whether model and checkpoint have the same weights."""
        return self.expected == self.found

    @property
    def missing_or_reshaped(self) -> List[str]:
        """Return names that the checkpoint lacks or has in another shape."""
        return [
            name
            for name, shape in self.expected.items()
            if self.found.get(name) != shape
        ]

    def describe(self) -> str:
        """Describe the first difference, or say which side lacks the block."""
        if not self.found:
            return f'{self.name} is not in the checkpoint'
        if not self.expected:
            return f'{self.name} is not in the model'
        extra = [name for name in self.found if name not in self.expected]
        first = [*self.missing_or_reshaped, *extra][0]
        return (
            f'{first} is {self.found.get(first, "not")} in the checkpoint, '
            f'{self.expected.get(first, "not")} in the model'
        )


def compare_blocks(expected: Shapes, found: Shapes) -> List[Block]:
    """Return all blocks of a model, then those of the checkpoint alone.

    Args:
        expected (dict): Shapes by name in the model.
        found (dict): Shapes by name in the checkpoint.
    """
    names = dict.fromkeys(map(block_of, [*expected, *found]))
    blocks = {name: Block(name, {}, {}) for name in names}
    for name, shape in expected.items():
        blocks[block_of(name)].expected[name] = shape
    for name, shape in found.items():
        blocks[block_of(name)].found[name] = shape
    return list(blocks.values())
