"""Layers that read class, pose and OKS of queries."""

import pytest
import torch

from poet_mm.models.layers.branches import OKS_GAIN, PoseBranch
from poet_mm.models.layers.pose import PoseLogits


@pytest.mark.parametrize('num_classes', [1, 2])
def test_at_the_start(num_classes):
    """5 % of persons, an OKS of one half, and the pose as it came."""
    branch = PoseBranch(16, num_classes, 5, predict_oks=True)
    branch.init_weights()
    torch.nn.init.zeros_(branch.class_embed.weight)
    pose = PoseLogits(torch.randn(2, 3, 17))
    logits, corrected = branch(torch.randn(2, 3, 16), pose)
    person = logits['logits'].softmax(-1)[..., :-1].sum(-1)
    torch.testing.assert_close(person, torch.full((2, 3), 0.05))
    assert not logits['oks_logits'].any()
    assert torch.equal(corrected.values, pose.values)


def test_the_loss_of_the_oks_does_not_reach_the_states():
    branch = PoseBranch(16, 1, 5, predict_oks=True)
    states = torch.randn(2, 3, 16, requires_grad=True)
    logits = branch.score_logits(states)
    expected = OKS_GAIN * branch.oks_embed(states)[..., 0]
    torch.testing.assert_close(logits['oks_logits'], expected)
    logits['oks_logits'].sum().backward()
    assert states.grad is None
    assert branch.oks_embed.weight.grad.any()
