"""Pictures of samples: when, and in which pixels."""

from types import SimpleNamespace

import numpy as np
import pytest
from helpers import tiny_head
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample

from poet_mm.engine.hooks.sample_predictions import (
    SamplePredictionsHook,
    drawable,
)


@pytest.mark.parametrize(
    ('interval', 'drawn'),
    [(1, [10, 20, 25, 30]), (10, [10, 20, 30]), (15, [10, 25]), (99, [10])],
)
def test_interval_of_samples_is_in_epochs(interval, drawn):
    """Validations after epochs 10, 20, 25 and 30."""
    model = SimpleNamespace(head=tiny_head())
    hook, got = SamplePredictionsHook(interval=interval), []
    for epoch in (10, 20, 25, 30):
        hook.before_val_epoch(SimpleNamespace(epoch=epoch, model=model))
        if hook.num_remaining:
            got.append(epoch)
    assert got == drawn


def test_drawn_in_pixels_of_the_original():
    sample = PoseDataSample(
        metainfo=dict(
            input_size=(50, 40),
            input_center=np.array([50.0, 40.0]),
            input_scale=np.array([100.0, 80.0]),
        )
    )
    sample.gt_instances = InstanceData(
        keypoints=np.array([[[10.0, 20.0]]]),
        keypoints_visible=np.array([[1.0]]),
    )
    sample.pred_instances = InstanceData(
        keypoints=np.array([[[20.0, 40.0]], [[1.0, 1.0]]]),
        centers=np.array([[10.0, 30.0], [1.0, 1.0]]),
        visibility=np.array([[0.7], [0.2]]),
        bbox_scores=np.array([0.9, 0.4]),
    )
    drawn = drawable(sample, zoom=3)
    np.testing.assert_allclose(drawn.gt_instances.keypoints, [[[60, 120]]])
    np.testing.assert_allclose(drawn.pred_instances.keypoints, [[[60, 120]]])
    np.testing.assert_allclose(drawn.pred_instances.centers, [[30, 90]])
    np.testing.assert_allclose(drawn.pred_instances.visibility, [[0.7]])
    np.testing.assert_allclose(drawn.pred_instances.keypoints_visible, [[0.7]])
