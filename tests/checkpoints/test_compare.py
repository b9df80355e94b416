"""Blocks that differ."""

from poet_mm.checkpoints.compare import compare_blocks


def test_compare_blocks():
    blocks = compare_blocks(
        {'backbone.a': (1,), 'head.encoder.b': (2,)},
        {'head.encoder.b': (3,), 'head.new.c': (4,)},
    )
    assert [block.name for block in blocks] == [
        'backbone',
        'head.encoder',
        'head.new',
    ]
    assert [block.describe() for block in blocks] == [
        'backbone is not in the checkpoint',
        'head.encoder.b is (3,) in the checkpoint, (2,) in the model',
        'head.new is not in the model',
    ]
