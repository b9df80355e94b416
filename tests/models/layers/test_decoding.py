"""Decoding, and reading poses."""

import torch
from helpers import tiny_head

from poet_mm.models.layers.decoding import read_poses
from poet_mm.models.layers.pose import PoseLogits


def test_coordinates_are_not_rounded_to_bf16():
    """Given the decoder's states, autocast changes nothing."""
    head = tiny_head()
    states = torch.randn(2, 1, 6, 16)
    pose = PoseLogits(torch.zeros(1))
    expected = read_poses(states, pose, head.class_embed, head.pose_embed)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        got = read_poses(states, pose, head.class_embed, head.pose_embed)
    for name in expected:
        assert torch.equal(expected[name], got[name])
