"""Sampling of fine feature maps at keypoints."""

import numpy as np
import pytest
import torch
from helpers import padded_samples, random_samples, tiny_head, with_areas

from poet_mm.models.layers.joint_sampling import (
    RADIUS,
    DetailLevels,
    DetailMaps,
    KeypointBranch,
)
from poet_mm.models.layers.padding import ValidRegion, image_extents

LEVELS = ((2, 4, 16, 24), (2, 8, 4, 6))  # B, C, H, W of pixels 64 x 96
DETAIL = dict(in_channels=[4, 8], channels=6, joint_channels=8)


def detailed_head(points=3, **kwargs):
    detail = dict(DETAIL, points=points)
    return tiny_head(propose=True, refine=True, detail=detail, **kwargs)


def random_levels():
    return [torch.randn(shape) for shape in LEVELS]


def interpolate(level, x, y):
    """Of one map (C, H, W) at x, y in cells, cell (0, 0) has its middle at
    (0.5, 0.5); 0 beyond."""
    total = torch.zeros(len(level))
    for row in range(level.shape[1]):
        for column in range(level.shape[2]):
            share = max(0, 1 - abs(column + 0.5 - x)) * max(
                0, 1 - abs(row + 0.5 - y)
            )
            total += share * level[:, row, column]
    return total


@pytest.mark.parametrize('shares', [None, [[0.5, 1.0], [0.75, 0.625]]])
def test_samples_are_bilinear(shares):
    """Of all levels at keypoints, of the two finest, added up, around them."""
    levels = [torch.randn(2, 6, *size) for size in ((16, 24), (8, 12), (4, 6))]
    maps = DetailMaps(levels, shares and torch.tensor(shares))
    points = torch.rand(2, 3, 5, 2, 2) * 1.4 - 0.2  # some of them outside
    samples = maps.sample(points[..., 0, :])
    around = maps.sample_around(points)
    assert samples.shape == (2, 3, 5, 18)
    assert around.shape == (2, 3, 5, 12)
    for image, query, joint, point in np.ndindex(*points.shape[:4]):
        x, y = points[image, query, joint, point].tolist()
        if shares:
            x, y = x * shares[image][0], y * shares[image][1]
        expected = [
            interpolate(level[image], x * level.shape[3], y * level.shape[2])
            for level in levels
        ]
        close = dict(atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(
            around[image, query, joint].view(2, 6)[point],
            expected[0] + expected[1],
            **close,
        )
        if point == 0:
            torch.testing.assert_close(
                samples[image, query, joint], torch.cat(expected), **close
            )


@pytest.mark.parametrize('mode', ['eval', 'train'])
def test_blind_to_padding(mode):
    torch.manual_seed(0)
    head = detailed_head()
    for branch in (*head.branches, head.proposals.branch):
        torch.nn.init.normal_(branch.pose_embed.layers[-1].weight)
    for branch in head.branches:
        torch.nn.init.normal_(branch.joints.correction)
    head.train(mode == 'train')
    samples, levels = padded_samples(), random_levels()
    extents = image_extents(samples, levels[0].device)
    changed = [
        level.masked_fill(ValidRegion(extents, level).mask[:, None], 1000.0)
        for level in levels
    ]
    expected, got = head(levels, samples), head(changed, samples)
    for name in expected:
        assert torch.equal(expected[name], got[name]), name


def test_samples_lie_where_the_joints_are():
    """Maps that hold their pixels' places, of an image of 41 x 27 pixels that
    ends within cells of 4 and of 16, give a point its place."""
    (sample,) = random_samples([1], img_shape=(27, 41))
    sample.set_metainfo(dict(batch_input_shape=(32, 48)))
    ramps = []
    for stride in (4, 16):
        x = stride * (torch.arange(48 // stride) + 0.5)
        y = stride * (torch.arange(32 // stride) + 0.5)
        ramps.append(torch.stack(torch.meshgrid(x, y, indexing='xy'))[None])
    extents = image_extents([sample], ramps[0].device)
    points = torch.rand(1, 9, 3, 2) * 0.4 + 0.3  # between middles of cells
    ratio = ValidRegion(extents, ramps[0]).ratio
    places = DetailMaps(ramps, ratio).sample(points)
    expected = points * torch.tensor([41.0, 27.0])
    torch.testing.assert_close(places, expected.repeat(1, 1, 1, 2))


def test_alone_and_padded_are_the_same():
    """Of an image that ends within a cell of every level."""
    torch.manual_seed(0)
    head = detailed_head().eval()
    for branch in head.branches:
        torch.nn.init.normal_(branch.joints.correction)
        torch.nn.init.normal_(branch.joints.evidence.weight)
    (sample,) = random_samples([1], img_shape=(33, 45))
    sample.set_metainfo(dict(batch_input_shape=(48, 48)))
    alone = [torch.randn(1, 4, 12, 12), torch.randn(1, 8, 3, 3)]
    expected = head(alone, [sample])
    padded = [torch.randn(1, *shape[1:]) for shape in LEVELS]
    for whole, part in zip(padded, alone):
        whole[..., : part.shape[2], : part.shape[3]] = part
    sample.set_metainfo(dict(batch_input_shape=(64, 96)))
    got = head(padded, [sample])
    for name in expected:
        torch.testing.assert_close(
            got[name], expected[name], atol=1e-5, rtol=1e-4
        )


@pytest.mark.parametrize('counts', [[2, 1], [0, 0]])
def test_autocast(counts):
    """Samples and poses stay fp32, and every parameter learns."""
    head = detailed_head()
    samples = with_areas(random_samples(counts, img_shape=(64, 96)))
    with torch.autocast('cpu', torch.bfloat16):
        losses = head.loss(random_levels(), samples)
    assert all(value.isfinite() for value in losses.values())
    assert losses['loss_keypoints'].dtype == torch.float32
    sum(losses.values()).backward()
    assert all(p.grad is not None for p in head.parameters())


def test_a_joint_is_corrected_by_what_is_there():
    """A change near one keypoint moves that keypoint alone."""
    branch = KeypointBranch(16, 5, 12, 8, num_around=4, around_channels=24)
    torch.nn.init.normal_(branch.correction)
    states, sizes = torch.randn(1, 1, 16), torch.full((1, 1), 0.1)
    keypoints = torch.tensor([0.1, 0.3, 0.5, 0.7, 0.9])
    keypoints = keypoints[:, None].expand(1, 1, 5, 2)  # on the diagonal
    maps = DetailMaps([torch.randn(1, 6, 40, 40) for _ in range(2)], None)
    before, _ = branch(states, maps, keypoints, sizes)
    maps.levels[0][:, :, 18:22, 18:22] += 1
    moved = (branch(states, maps, keypoints, sizes)[0] != before).any(-1)
    assert moved.nonzero().tolist() == [[0, 0, 2]]


def test_points_around_a_keypoint():
    """At equal angles, at distances in sizes of the pose."""
    branch = KeypointBranch(16, 5, 12, 8, num_around=4, around_channels=24)
    keypoints, sizes = torch.rand(2, 3, 5, 2), torch.rand(2, 3) + 0.1
    points = branch.points(keypoints, sizes)
    assert points.shape == (2, 3, 5, 4, 2)
    distances = (points - keypoints[..., None, :]).norm(dim=-1)
    expected = RADIUS * sizes[..., None, None].expand_as(distances)
    torch.testing.assert_close(distances, expected)
    torch.testing.assert_close(
        points.mean(-2), keypoints, atol=1e-6, rtol=1e-5
    )


@pytest.mark.parametrize('around', [0, 4])
def test_last_layer_of_each_keypoint(around):
    """Keypoints have their own, and corrections follow the size.

    The reference multiplies the hidden features, which a hook sees.
    """
    branch = KeypointBranch(
        16, 5, 12, 8, num_around=around, around_channels=6 * around
    )
    seen = []
    branch.hidden.register_forward_hook(lambda *args: seen.append(args[2]))
    for parameter in branch.parameters():
        torch.nn.init.normal_(parameter)
    maps = DetailMaps([torch.randn(2, 6, 8, 8) for _ in range(2)], None)
    sizes = torch.tensor([[0.01, 0.2, 0.7], [0.1, 0.3, 0.5]])
    got, _ = branch(torch.randn(2, 3, 16), maps, torch.rand(2, 3, 5, 2), sizes)
    x = seen[0].relu()
    assert got.shape == (2, 3, 5, 3)
    for image, query, joint in np.ndindex(2, 3, 5):
        unit = 4 * max(0.03, float(sizes[image, query]))
        expected = x[image, query, joint] @ branch.correction[joint]
        torch.testing.assert_close(
            got[image, query, joint],
            expected * torch.tensor([unit, unit, 1.0]),
            atol=1e-4,
            rtol=1e-4,
        )


@pytest.mark.parametrize('points', [1, 3])
def test_begins_without_corrections(points):
    head = detailed_head(points).eval()
    outputs = head(random_levels())
    assert not outputs['offsets'].any()
    assert (outputs['visibility'] == 0.5).all()


def test_no_points():
    with pytest.raises(ValueError, match=r'detail\.points=0'):
        DetailLevels(**DETAIL, points=0)


def test_levels_that_were_not_announced():
    levels = DetailLevels(**DETAIL)
    with pytest.raises(ValueError, match=r'\[4, 8\].*\[8\] channels'):
        levels([torch.randn(LEVELS[1])], None)
