"""Denoising queries: nothing leaks, no group sees another."""

import pytest
import torch
from helpers import fast_head, random_samples

from poet_mm.models.layers.denoising import NoisedPeople
from poet_mm.models.targets import stack_targets

NOISE = dict(groups=3, center_noise=0.5, scale_noise=0.4, joint_noise=0.2)
NO_NOISE = dict(groups=2, center_noise=0, scale_noise=0, joint_noise=0)

FEAT = (2, 8, 4, 6)  # B, C, H, W of pixels 64 x 96


@pytest.mark.parametrize(
    'noise',
    [
        dict(NOISE, groups=0),
        dict(NOISE, center_noise=-1),
        dict(NOISE, scale_noise=1.5),
        dict(NOISE, joint_noise=-0.1),
    ],
)
def test_impossible_noise(noise):
    with pytest.raises(ValueError, match=r'expected .*model\.head\.denoising'):
        fast_head(denoising=noise)


def noised_people(head, samples):
    targets, num_people = stack_targets(samples)
    return head.denoising(targets, num_people), targets


def test_noise_never_leaks():
    """Queries give the same answers with and without noised people."""
    head = fast_head(denoising=NOISE).eval()
    for branch in head.branches:
        torch.nn.init.normal_(branch.pose_embed.layers[-1].weight, std=0.1)
    feat = torch.randn(FEAT)
    noised, _ = noised_people(head, random_samples([2, 1]))
    alone = head.predict_all([feat], None)
    among = head.predict_all([feat], None, noised)
    assert among.denoising['logits'].shape == (2, 2, 3 * 2, 2)
    for name, values in alone.fields.items():
        torch.testing.assert_close(among.fields[name], values)


def test_groups_do_not_see_each_other():
    valid = torch.ones(1, 2, 6, dtype=torch.bool)
    valid[0, 1, 2] = False  # no person
    mask = NoisedPeople(None, None, valid, 2, None).attention_mask(2)
    blind = torch.ones(2, 8, 8, dtype=torch.bool)
    blind[:, :, :2] = False  # all look at queries
    blind[:, 2:5, 2:5] = blind[:, 5:, 5:] = False  # each group at itself
    blind[1, :, 4] = True
    assert torch.equal(mask, blind)


def test_noised_people_do_not_see_other_images():
    """Losses of two images are those of each alone."""
    head = fast_head(denoising=NO_NOISE)
    for branch in head.branches:  # so that poses depend on what is seen
        torch.nn.init.normal_(branch.pose_embed.layers[-1].weight)
    feat = torch.randn(2, 8, 4, 3)
    samples = random_samples([1, 4])
    for sample in samples:
        sample.gt_instance_labels.keypoint_weights[:, 0] = 1
    together = head.loss((feat,), samples)
    alone = [
        head.loss((feat[i : i + 1],), samples[i : i + 1]) for i in range(2)
    ]
    for name in ('dn.loss_keypoints', 'dn.d0.loss_centers'):
        expected = (alone[0][name] + 4 * alone[1][name]) / 5
        torch.testing.assert_close(together[name], expected)


def test_people_without_joints_are_not_noised():
    head = fast_head(denoising=NO_NOISE)
    (sample,) = random_samples([3])
    sample.gt_instance_labels.keypoint_weights[1] = 0
    noised, _ = noised_people(head, [sample])
    assert noised.valid[0, 0].tolist() == [True, False, True] * 2
    feat = torch.randn(1, 8, 4, 3)
    losses = head.loss((feat,), [sample])
    sample.gt_instance_labels = sample.gt_instance_labels[[0, 2]]
    others = head.loss((feat,), [sample])
    for name in ('dn.loss_keypoints', 'dn.d0.loss_visibility'):
        torch.testing.assert_close(losses[name], others[name])


def test_noised_people_know_whose_they_are():
    """Without noise the pose is that of the person, decoded."""
    head = fast_head(denoising=NO_NOISE)
    samples = random_samples([2, 0, 3])
    noised, targets = noised_people(head, samples)
    fields = noised.pose.fields(logits=torch.zeros(1))
    _, image, query, person = (0, *(x[0] for x in noised.pairs))
    assert len(person) == 2 * 5
    has_joint = targets['keypoint_weights'].sum(-1)[person] > 0
    assert torch.equal(noised.valid[0, image, query], has_joint)
    assert noised.valid.sum() == has_joint.sum()
    for name in ('centers', 'offsets'):
        torch.testing.assert_close(
            fields[name][image, query][has_joint],
            targets[name][person][has_joint],
            atol=2e-3,  # of the edge of the image, where logits end
            rtol=0,
        )
    assert image.tolist() == [0, 0, 2, 2, 2] * 2
