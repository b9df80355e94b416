"""Heatmap and tag losses against the equations and against MMPose's own."""

import pytest
import reference
import torch
from mmpose.models.losses import AssociativeEmbeddingLoss, KeypointMSELoss

from poet_mm.models.losses.ae_loss import (
    AELoss,
    MaskedMSELoss,
    pull_loss,
    push_loss,
)

K = 5


def make_indices(counts, cells, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [
        torch.stack(
            [
                torch.randint(cells, (n, K), generator=generator),
                torch.randint(2, (n, K), generator=generator),
            ],
            -1,
        )
        for n in counts
    ]


@pytest.mark.parametrize('counts', [[0], [1], [4, 0, 1], [2, 3]])
@pytest.mark.parametrize('num_tags', [1, 2])
def test_tag_loss_equals_the_equations(counts, num_tags):
    tags = torch.randn(len(counts), num_tags * K, 6, 7)
    indices = make_indices(counts, 42)
    if counts[0] > 1:
        indices[0][0, :, 1] = 0  # a person without joints
        indices[0][1, :, 1] = torch.tensor([1, 0, 0, 0, 0])  # with one
    pull, push = AELoss(loss_weight=1.0)(tags, indices)
    expected = reference.tag_losses(tags.numpy(), indices, num_tags)
    assert pull.item() == pytest.approx(expected[0], rel=1e-5)
    assert push.item() == pytest.approx(expected[1], rel=1e-5)


@pytest.mark.parametrize('num_people', [1, 4, 13, 30])
def test_losses_equal_mmposes(num_people):
    B = 3
    tags = torch.randn(B, K, 16, 16)
    indices = make_indices([num_people] * B, 256)
    pull, push = AELoss(loss_weight=0.001)(tags, indices)
    theirs = AssociativeEmbeddingLoss(loss_weight=0.001)(tags, indices)
    torch.testing.assert_close(B * pull, theirs[0], rtol=1e-4, atol=0)
    torch.testing.assert_close(B * push, theirs[1], rtol=1e-4, atol=0)


def test_heatmap_loss_equals_the_equation_and_mmposes():
    heatmaps, target = torch.randn(2, 2, K, 6, 7).unbind(0)
    heatmaps.requires_grad_()
    mask = torch.rand(2, 1, 6, 7) > 0.3
    loss = MaskedMSELoss(loss_weight=2.0)(heatmaps, target, mask)
    assert loss.item() == pytest.approx(
        2
        * reference.heatmap_loss(
            heatmaps.detach().numpy(), target.numpy(), mask.numpy()
        )
    )
    theirs = KeypointMSELoss(loss_weight=2.0)(heatmaps, target, mask=mask)
    torch.testing.assert_close(loss, theirs)
    (grad,) = torch.autograd.grad(loss, heatmaps)
    torch.testing.assert_close(grad, torch.autograd.grad(theirs, heatmaps)[0])
    assert not grad[~mask.expand_as(grad)].any()


def test_gradients_of_tag_losses():
    tags = torch.randn(4, K, 2, dtype=torch.double, requires_grad=True)
    weights = (torch.rand(4, K) > 0.3).double()
    means = torch.randn(4, 2, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda *args: pull_loss(*args, weights), (tags, means)
    )
    people = torch.tensor([[1.0, 1, 1], [1, 1, 0]], dtype=torch.double)
    padded = torch.randn(2, 3, 1, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: push_loss(x, people), padded)


@pytest.mark.parametrize('counts', [[0, 0], [0, 1]])
def test_no_loss_without_people(counts):
    """No person, or one with one keypoint: nothing to pull or push."""
    tags = torch.randn(2, K, 6, 6, requires_grad=True)
    indices = make_indices(counts, 36)
    indices[1][..., 1] = torch.tensor([0, 1, 0, 0, 0])
    pull, push = AELoss()(tags, indices)
    assert pull == push == 0
    (pull + push).backward()
    assert not tags.grad.any()
