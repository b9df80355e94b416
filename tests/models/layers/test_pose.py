"""Keypoints and fields of the pose that a layer predicts."""

import torch

from poet_mm.models.layers.pose import PoseLogits
from poet_mm.models.targets import get_field


def test_points_are_the_joints_of_the_fields():
    pose = PoseLogits(torch.randn(2, 3, 17))
    fields = pose.fields(logits=torch.zeros(2, 3, 2))
    torch.testing.assert_close(
        pose.keypoints(), get_field(fields, 'keypoints')
    )
