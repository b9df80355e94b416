"""Predictions in pixels of the original image."""

import math

import numpy as np
import pytest
import torch
from drawn_transforms import make_sample, many, seeds
from hypothesis import given
from hypothesis import strategies as st

from poet_mm.datasets.transforms.affine import move_annotations, move_points
from poet_mm.models.instances import person_scores, to_original


@many
@given(
    seeds,
    st.floats(0.3, 3),
    st.floats(0.3, 3),
    st.integers(-50, 50),
    st.integers(-50, 50),
)
def test_original_pixels_of_a_moved_point(seed, a, d, x, y):
    """Any resize and crop is undone."""
    sample = make_sample(seed)
    matrix = np.array([[a, 0, x], [0, d, y]])
    move_annotations(sample, matrix, (90, 80))
    points = np.random.default_rng(seed).uniform(-50, 150, (4, 3, 2))
    np.testing.assert_allclose(
        to_original(move_points(points, matrix), sample), points, atol=1e-2
    )


def test_predicted_oks_scales_the_score():
    """Probability 0.5 and an OKS of 0.75, computed by hand."""
    fields = dict(logits=torch.zeros(1, 1, 1, 2))
    assert person_scores(fields).item() == 0.5
    fields['oks_logits'] = torch.full((1, 1, 1), math.log(3))
    assert person_scores(fields).item() == pytest.approx(0.375)
