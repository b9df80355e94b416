"""Queries: where they begin, and their position codes."""

import torch
from helpers import fast_head, padded_samples

from poet_mm.models.layers.padding import ValidRegion, image_extents
from poet_mm.models.layers.pose import PoseLogits

FEAT = (2, 8, 4, 6)  # B, C, H, W of pixels 64 x 96


def test_queries_are_placed_like_tokens():
    """A query at the middle of a cell has the code of that cell, whether or
    not the image fills its last cells."""
    head = fast_head()
    feat, samples = torch.randn(FEAT), padded_samples()
    extents = image_extents(samples, feat.device)
    partly = ValidRegion(extents, feat).cell_centers()
    samples[0].set_metainfo(dict(img_shape=(48, 64)))  # the same 3 x 4 cells
    samples[1].set_metainfo(dict(img_shape=(48, 64)))
    extents_of_whole = image_extents(samples, feat.device)
    whole = ValidRegion(extents_of_whole, feat).cell_centers()
    inside = (partly < 0.99).all(-1)  # the logit of a pose ends there
    codes = [
        head.center_embed(PoseLogits.at(x, 5), ValidRegion(ends, feat))
        for x, ends in ((partly, extents), (whole, extents_of_whole))
    ]
    assert inside.sum() == 2 * 2 * 4
    torch.testing.assert_close(codes[0][inside], codes[1][inside])


def test_more_queries_than_tokens():
    outputs = fast_head(num_queries=9).eval()((torch.randn(1, 8, 2, 2),))
    assert outputs['centers'].shape == (2, 1, 9, 2)
