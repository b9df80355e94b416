"""Keypoints and fields of the pose that a layer predicts."""
import torch

from poet_mm.models.layers.pose import keypoints_of, pose_fields
from poet_mm.models.targets import get_field


def test_points_are_the_joints_of_the_fields():
    pose = torch.randn(2, 3, 17)
    fields = pose_fields(torch.zeros(2, 3, 2), pose)
    torch.testing.assert_close(
        keypoints_of(pose), get_field(fields, 'keypoints'))
