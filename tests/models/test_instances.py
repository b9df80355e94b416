"""Predictions in pixels of the original image."""

import math

import numpy as np
import pytest
import torch
from drawn_transforms import make_sample, many, seeds
from hypothesis import given
from hypothesis import strategies as st
from mmengine.structures import InstanceData

from poet_mm.datasets.transforms.affine import move_annotations, move_points
from poet_mm.errors import UserError
from poet_mm.models.instances import (
    apply_temperature,
    calibrate,
    person_scores,
    to_original,
)


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


def test_temperature_by_hand():
    """Odds 9 become odds 3 with temperature log 9 / log 3."""
    visibility = np.array([0.9, 0.5, 0.1])
    calibrated = apply_temperature(visibility, 2)
    np.testing.assert_allclose(calibrated, [0.75, 0.5, 0.25])
    ends = apply_temperature(np.array([0, 1], np.float32), 0.01)
    assert ends.dtype == np.float32
    assert ends.tolist() == [0, 1]


def test_calibrated_keypoint_scores_by_hand():
    """They stay the person's score times visibility."""
    instances = InstanceData(
        visibility=np.array([[0.9, 0.1]]),
        bbox_scores=np.array([0.8]),
        keypoint_scores=np.array([[0.72, 0.08]]),
        keypoints_visible=np.array([[0.72, 0.08]]),
    )
    calibrate(instances, 2)
    np.testing.assert_allclose(instances.visibility, [[0.75, 0.25]])
    for name in ('keypoint_scores', 'keypoints_visible'):
        np.testing.assert_allclose(instances[name], [[0.6, 0.2]])
    del instances.visibility
    with pytest.raises(UserError, match='calibrate'):
        calibrate(instances, 2)
