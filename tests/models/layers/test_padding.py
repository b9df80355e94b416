"""The mask of padded cells."""

import numpy as np
import torch
from helpers import make_sample, random_samples

from poet_mm.models.layers.padding import ValidRegion, padding_mask


def test_no_padding_is_no_mask():
    samples = random_samples([1, 0])
    assert padding_mask(samples, torch.zeros(2, 8, 4, 3)) is None
    assert padding_mask(None, torch.zeros(2, 8, 4, 3)) is None


def test_mask_covers_cells_beyond_the_image():
    keypoints = np.zeros((0, 5, 2), dtype=np.float32)
    samples = [
        make_sample(keypoints, keypoints[..., 0], shape, (64, 96))
        for shape in ((64, 96), (33, 16))
    ]
    mask = padding_mask(samples, torch.zeros(2, 8, 4, 6))
    assert not mask[0].any()
    expected = torch.ones(4, 6, dtype=torch.bool)
    expected[:3, :1] = False  # 33 rows reach into the third cell of 16
    assert torch.equal(mask[1], expected)


def test_cells_without_padding():
    centers = ValidRegion(None, torch.zeros(1, 1, 2, 4)).cell_centers()
    assert centers.shape == (1, 8, 2)
    assert centers[0, 1].tolist() == [0.375, 0.25]
