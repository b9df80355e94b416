"""A batch draws the same sizes, others draw their own."""

import numpy as np
from mmpose.registry import TRANSFORMS

from poet_mm.datasets.samplers import BatchIndex


def draw_sizes(batch, size=(640, 480)):
    """Sizes (h, w) that a batch of indices draws for images of one size."""
    resize = dict(type='ShortEdgeResize', short_edges=[*range(100, 500)])
    crop = dict(type='RandomSizeCrop', min_size=50, max_size=400)
    same = TRANSFORMS.build(
        dict(type='SameInBatch', transforms=[resize, crop])
    )
    return [
        same(
            dict(
                img_shape=size[::-1],
                sample_idx=index,
                pending_warp=np.eye(2, 3),  # as in WarpOnce, without pixels
            )
        )['img_shape']
        for index in batch
    ]


def test_a_batch_draws_alike_and_others_do_not():
    first = draw_sizes([BatchIndex(n, 5) for n in range(4)])
    assert len(set(first)) == 1
    other = draw_sizes([BatchIndex(n, 6) for n in range(4)])
    assert set(first) != set(other)
    assert len(set(draw_sizes(range(8)))) > 1  # another sampler


def test_what_is_not_shared_is_drawn_as_before():
    np.random.seed(3)
    expected = np.random.rand()
    np.random.seed(3)
    draw_sizes([BatchIndex(0, 5)])
    assert np.random.rand() == expected


def test_sizes_keep_the_distribution_of_the_recipe():
    single = draw_sizes(range(2000))
    shared = draw_sizes(BatchIndex(n, 7919 * n) for n in range(2000))
    for axis in (0, 1):
        shares = np.linspace(0.1, 0.9, 5)
        expected = np.quantile([s[axis] for s in single], shares)
        got = np.quantile([s[axis] for s in shared], shares)
        np.testing.assert_allclose(got, expected, atol=20)
