"""Two-stage proposals: their places, and which become queries."""

from types import SimpleNamespace

import torch
from helpers import fast_head, padded_samples

from poet_mm.models.layers.padding import image_extents
from poet_mm.models.layers.pose import PoseLogits
from poet_mm.models.layers.proposals import Proposals

FEAT = (2, 8, 4, 6)  # B, C, H, W of pixels 64 x 96


def test_proposals_begin_at_their_cells():
    head = fast_head()
    feat, samples = torch.randn(FEAT), padded_samples()
    extents = image_extents(samples, feat.device)
    fields = head.predict_all([feat], extents).proposals.fields()
    # of 16 pixels; the third row and the fourth column show 40 x 60 in part
    centers = fields['centers'][0].unflatten(1, FEAT[2:])
    for y in range(3):
        for x in range(4):
            expected = torch.tensor([(16 * x + 8) / 60, (16 * y + 8) / 40])
            expected = expected.clamp(max=1 - 1e-3)  # of the logit
            torch.testing.assert_close(centers[0, y, x], expected)
    assert not fields['offsets'].any()


def some_proposals(padding=None):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 7, 2, generator=generator)
    pose = PoseLogits(torch.randn(2, 7, 17, generator=generator))
    region = SimpleNamespace(token_mask=padding, nobody_share=None)
    return Proposals(logits, pose, region)


def test_best_are_the_likeliest():
    proposals = some_proposals()
    probs = proposals.logits.softmax(-1)[..., 0]
    assert torch.equal(proposals.best(3), probs.topk(3).indices)


def test_selection_follows_a_permutation():
    proposals = some_proposals()
    order = torch.randperm(7)
    shuffled = proposals._replace(
        logits=proposals.logits[:, order],
        pose=PoseLogits(proposals.pose.values[:, order]),
    )
    assert torch.equal(order[shuffled.best(4)], proposals.best(4))


def test_padded_tokens_are_never_chosen():
    padding = torch.zeros(2, 7, dtype=torch.bool)
    padding[1, 2:] = True  # fewer tokens than queries
    proposals = some_proposals(padding)
    proposals.logits[1, 2:, 0] = 50.0
    tokens = proposals.best(5)
    assert tokens[0].unique().numel() == 5
    assert (tokens[1] < 2).all()
    assert (tokens[1, 2:] == tokens[1, 1]).all()
