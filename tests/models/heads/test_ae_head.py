"""The AE baseline against slow references and against MMPose's own parts."""
import numpy as np
import pytest
import reference
import torch
from helpers import random_people
from mmengine.structures import InstanceData, PixelData
from mmpose.codecs import AssociativeEmbedding
from mmpose.models.losses import AssociativeEmbeddingLoss, KeypointMSELoss
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

from poet_mm.codecs.associative_embedding.codec import AECodec, draw_gaussians
from poet_mm.codecs.associative_embedding.grouping import group_peaks
from poet_mm.codecs.associative_embedding.peaks import find_peaks
from poet_mm.codecs.associative_embedding.search import search_cells
from poet_mm.models.losses.ae_loss import (
    AELoss,
    MaskedMSELoss,
    pull_loss,
    push_loss,
)

K = 5
SWAP = [0, 2, 1, 4, 3]  # flip pairs of five joints


def make_codec(stride=4, size=(128, 96), sigma=1.0, **kwargs):
    cells = (size[0] // stride, size[1] // stride)
    return AECodec(input_size=size, heatmap_size=cells, sigma=sigma, **kwargs)


def random_maps(num_people, cells=96, num_tags=1, seed=0, missing=0.15):
    """Heatmaps (1, K, H, W) and tags (1, LK, H, W) such as a network makes:
    blobs of different height, some (but none of the first joint) too low to be
    peaks, those of a joint apart from each other; noise everywhere."""
    rng = np.random.default_rng(seed)
    heatmaps = rng.normal(0, 0.01, (K, cells, cells))
    tags = rng.normal(0, 0.05, (num_tags, K, cells, cells))
    yy, xx = np.mgrid[:cells, :cells]
    for k in range(K):
        places = rng.permutation(36)
        for n in range(num_people):
            y, x = np.array(divmod(places[n], 6)) * 15 + rng.integers(7, 13, 2)
            blob = np.exp(-((xx - x)**2 + (yy - y)**2) / 8)
            tags[:, k][:, blob > 0.02] = 3 * n + 2 + rng.normal(0, 0.1)
            low = k > 0 and rng.random() < missing
            blob *= rng.uniform(0.5, 1) * (0.05 if low else 1)
            heatmaps[k] = np.maximum(heatmaps[k], blob)
    tags += rng.normal(0, 0.003, tags.shape)
    return (torch.tensor(heatmaps, dtype=torch.float32)[None],
            torch.tensor(tags, dtype=torch.float32).flatten(0, 1)[None])


# codec


def test_encode_positions():
    """A joint lights its cell; hidden ones count, unlabelled and crowds do
    not."""
    codec = make_codec(stride=8)
    keypoints = np.zeros((3, K, 2), dtype=np.float32)
    keypoints[0, :3] = [[17, 30], [8, 0], [128, 96]]  # the last on the edge
    keypoints[2] = 50
    visible = np.zeros((3, K))
    visible[0, :3] = [2, 1, 2]
    visible[2] = 2
    encoded = codec.encode(keypoints, visible, iscrowd=[0, 0, 1])
    index = encoded['keypoint_indices']
    assert index.shape == (2, K, 2)
    assert index[0, :3, 0].tolist() == [3 * 16 + 2, 1, 11 * 16 + 15]
    assert index[0, :3, 1].all()
    assert not index[:, :, 1][visible[:2] == 0].any()
    heatmaps = encoded['heatmaps']
    assert heatmaps.shape == (K, 12, 16)
    assert heatmaps[0, 3, 2] == heatmaps[1, 0, 1] == heatmaps[2, 11, 15] == 1
    assert (heatmaps == 1).sum() == 3


@pytest.mark.parametrize('sigma', [1, 2])
@pytest.mark.parametrize('seed', range(3))
def test_encode_equals_mmpose_half_a_cell_on(seed, sigma):
    """MMPose rounds to the nearest cell corner, we to the cell."""
    codec = make_codec(stride=4, sigma=sigma)
    theirs = AssociativeEmbedding((128, 96), (32, 24), sigma=sigma)
    keypoints, visible = random_people(
        4, K, (96, 128), torch.Generator().manual_seed(seed))
    keypoints = keypoints.clip(4, 90)
    visible = np.minimum(visible, 1)
    got = codec.encode(keypoints, visible)
    expected = theirs.encode(keypoints - 2, visible)
    np.testing.assert_allclose(
        got['heatmaps'], expected['heatmaps'], atol=1e-6)
    counts = visible > 0
    np.testing.assert_array_equal(got['keypoint_indices'][counts],
                                  expected['keypoint_indices'][counts])


def test_encode_nobody():
    encoded = make_codec().encode(np.zeros((0, K, 2)), np.zeros((0, K)), [])
    assert encoded['heatmaps'].shape == (K, 24, 32)
    assert not encoded['heatmaps'].any()
    assert encoded['keypoint_indices'].shape == (0, K, 2)


def test_gaussian_of_any_sigma_is_centred():
    heatmap = draw_gaussians(np.array([[6, 5]]), np.array([0]), 1.3, (1, 11,
                                                                      13))[0]
    np.testing.assert_array_equal(heatmap, heatmap[::-1, ::-1])
    yy, xx = np.mgrid[-5:6, -6:7]
    expected = np.exp(-(xx**2 + yy**2) / (2 * 1.3**2))
    near = (abs(xx) <= 3) & (abs(yy) <= 3)  # 3 sigma
    np.testing.assert_allclose(heatmap[near], expected[near], rtol=1e-6)
    assert not heatmap[~near].any()


# losses


def make_indices(counts, cells, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [
        torch.stack([
            torch.randint(cells, (n, K), generator=generator),
            torch.randint(2, (n, K), generator=generator)
        ], -1) for n in counts
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
    assert loss.item() == pytest.approx(2 * reference.heatmap_loss(
        heatmaps.detach().numpy(), target.numpy(), mask.numpy()))
    theirs = KeypointMSELoss(loss_weight=2.0)(heatmaps, target, mask=mask)
    torch.testing.assert_close(loss, theirs)
    grad, = torch.autograd.grad(loss, heatmaps)
    torch.testing.assert_close(grad, torch.autograd.grad(theirs, heatmaps)[0])
    assert not grad[~mask.expand_as(grad)].any()


def test_gradients_of_tag_losses():
    tags = torch.randn(4, K, 2, dtype=torch.double, requires_grad=True)
    weights = (torch.rand(4, K) > 0.3).double()
    means = torch.randn(4, 2, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda *args: pull_loss(*args, weights), (tags, means))
    people = torch.tensor([[1., 1, 1], [1, 1, 0]], dtype=torch.double)
    padded = torch.randn(2, 3, 1, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: push_loss(x, people), padded)


@pytest.mark.parametrize('counts', [[0, 0], [0, 1]])
def test_no_loss_without_people(counts):
    """Nobody, or one person with one joint: nothing to pull or push."""
    tags = torch.randn(2, K, 6, 6, requires_grad=True)
    indices = make_indices(counts, 36)
    indices[1][..., 1] = torch.tensor([0, 1, 0, 0, 0])
    pull, push = AELoss()(tags, indices)
    assert pull == push == 0
    (pull + push).backward()
    assert not tags.grad.any()


# grouping


def slow_peaks(heatmap, threshold, kernel):
    """Cells that are first among the highest of their window."""
    H, W = heatmap.shape
    reach, peaks = kernel // 2, []
    for y in range(H):
        for x in range(W):
            window = [(-heatmap[v, u], v, u)
                      for v in range(max(0, y - reach), min(H, y + reach + 1))
                      for u in range(max(0, x - reach), min(W, x + reach + 1))]
            if heatmap[y, x] > threshold and min(window)[1:] == (y, x):
                peaks.append((y, x))
    return peaks


@pytest.mark.parametrize('kernel', [3, 5, 7])
@pytest.mark.parametrize('levels', [4, 1000])
def test_peaks_equal_the_slow_ones(kernel, levels):
    """Also where many cells are equal, and at the border."""
    heatmaps = torch.randint(levels, (2, 16, 24)).float() / levels
    channel, y, x = find_peaks(heatmaps, 0.3, kernel)
    for c in range(2):
        got = [*zip(y[channel == c].tolist(), x[channel == c].tolist())]
        assert sorted(got) == slow_peaks(heatmaps[c].numpy(), 0.3, kernel)


@pytest.mark.parametrize('num_tags', [1, 2])
@pytest.mark.parametrize('spread', [0.1, 3.0])
def test_search_equals_the_slow_one(num_tags, spread):
    heatmaps = torch.rand(3, 48, 64)
    tags = spread * torch.randn(3, num_tags, 48, 64)
    channel = torch.randint(3, (40, ))
    wanted = spread * torch.randn(40, num_tags)
    got = search_cells(heatmaps, tags, channel, wanted)
    for s in range(40):
        distance = (tags[channel[s]] - wanted[s, :, None, None]).norm(dim=0)
        cost = 100 * distance.round() - heatmaps[channel[s]]
        assert cost.flatten()[got[s]] == pytest.approx(
            cost.min().item(), abs=1e-4)


def test_equal_costs_go_to_the_nearest_tag():
    """Both peaks are within half a tag of both people."""
    scores = np.array([0.9, 0.8, 0.9, 0.8])
    tags = np.array([[0.0], [0.4], [0.4], [0.0]])
    people = group_peaks(scores, tags, np.array([0, 0, 1, 1]), [0, 1], 1.0)
    assert people.tolist() == [[0, 3], [1, 2]]


def test_people_do_not_fall_apart():
    """Of two people of three, the second joint of one and all of a third:
    MMPose's cost is the same when the joint is handed to the other."""
    tags = np.array([[0.0], [3.0], [3.0], [6.0]])
    people = group_peaks(
        np.full(4, 0.9), tags, np.array([0, 0, 1, 1]), [0, 1], 1.0)
    assert people.tolist() == [[0, -1], [1, 2], [-1, 3]]


@pytest.mark.parametrize('scores', [[0.9, 0.9, 0.5], [0.9, 0.5, 0.9]])
def test_two_peaks_of_one_person(scores):
    """The higher one is taken, the other starts a person."""
    tags = np.zeros((3, 1))
    people = group_peaks(
        np.array(scores), tags, np.array([0, 1, 1]), [0, 1], 1.0)
    high = 1 if scores[1] > scores[2] else 2
    assert people.tolist() == [[0, high], [-1, 3 - high]]


@pytest.mark.parametrize('num_people', [0, 1, 4, 13, 30])
@pytest.mark.parametrize('num_tags', [1, 2])
def test_decoded_people_equal_mmposes(num_people, num_tags):
    """Same people and scores; joints found as peaks in the same place, joints
    filled in half a cell on, where a cell has its middle."""
    size, cells = (384, 384), (96, 96)
    theirs = AssociativeEmbedding(
        size,
        cells,
        sigma=2,
        decode_center_shift=0.5,
        decode_keypoint_order=[*range(K)])
    heatmaps, tags = random_maps(num_people, num_tags=num_tags)
    got = AECodec(size, cells, sigma=2).batch_decode(heatmaps, tags)
    expected = theirs.batch_decode(heatmaps, tags)
    assert got[0][0].shape == expected[0][0].shape
    assert len(got[0][0]) == num_people
    np.testing.assert_allclose(got[2][0], expected[2][0], rtol=1e-5)
    np.testing.assert_allclose(got[1][0], expected[1][0], atol=1e-4)
    peak = expected[1][0] > 0.1
    shift = got[0][0] - expected[0][0]
    inner = ((expected[0][0] > 8) & (expected[0][0] < 376)).all(-1)
    assert not shift[peak & inner].any()
    # filled in: costs that float32 cannot tell apart may change the place
    same = abs(got[1][0] - expected[1][0]) == 0
    assert np.median(abs(shift[same & ~peak])) == 2 or not (~peak).any()


def perfect_maps(people, codec, tag_of):
    """Maps of a network without error: (K, H, W) twice."""
    encoded = codec.encode(people, np.full(people.shape[:2], 2))
    tags = np.zeros_like(encoded['heatmaps'])
    for n, cells in enumerate(encoded['keypoint_indices'][..., 0]):
        y, x = np.divmod(cells, tags.shape[2])
        for k in range(K):
            tags[k, max(0, y[k] - 1):y[k] + 2,
                 max(0, x[k] - 1):x[k] + 2] = tag_of[n]
    return encoded['heatmaps'], tags


def make_sample(size, batch_size=None):
    width, height = size
    return PoseDataSample(
        metainfo=dict(
            img_shape=(height, width),
            input_size=size,
            batch_input_shape=(batch_size or size)[::-1],
            flip_indices=SWAP))


def make_head(stride=4, size=(128, 96), **kwargs):
    return MODELS.build(
        dict(
            type='AEHead',
            in_channels=6,
            num_keypoints=K,
            deconv_out_channels=None,
            keypoint_loss=dict(type='MaskedMSELoss'),
            tag_loss=dict(type='AELoss'),
            decoder=dict(
                type='AECodec',
                input_size=size,
                heatmap_size=(size[0] // stride, size[1] // stride),
                sigma=1),
            **kwargs))


@pytest.mark.parametrize('stride', [4, 8, 16, 32])
@pytest.mark.parametrize('flip', [False, True])
@pytest.mark.parametrize('restore', [False, True])
def test_perfect_maps_decode_to_their_people(stride, flip, restore,
                                             monkeypatch):
    """To half a cell, which is what a cell can tell; restored maps to three
    quarters of a pixel more: their highest pixels lie half a pixel beside the
    middle of the cell, and the refinement goes a quarter of a pixel."""
    size = (512, 384)
    rng = np.random.default_rng(stride)
    middles = np.array([[[90, 80]], [[420, 90]], [[250, 300]]])
    people = middles + rng.uniform(-40, 40, (3, K, 2))
    mirrored = people[:, SWAP] * [-1, 1] + [512, 0]
    head = make_head(stride, size)
    maps = [
        tuple(torch.tensor(values)[None] for values in perfect_maps(
            these, head.decoder, tags))
        for these, tags in ((people, [1, 3, 5]), (mirrored, [8, 4, 6]))
    ]
    monkeypatch.setattr(
        type(head), 'forward', lambda self, feats: maps[feats])
    decoded, = head.predict([0, 1] if flip else 0, [make_sample(size)],
                            dict(flip_test=flip, restore_heatmap_size=restore))
    assert decoded.keypoints.shape == (3, K, 2)
    order = [
        abs(decoded.keypoints - one).max((1, 2)).argmin() for one in people
    ]
    assert sorted(order) == [0, 1, 2]
    error = abs(decoded.keypoints[order] - people).max()
    assert error <= stride / 2 + 0.75 * restore
    np.testing.assert_allclose(decoded.bbox_scores, 1, atol=0.2)


# head


def make_targets(counts, head, size=(128, 96), visible=None):
    samples = []
    for n in counts:
        sample = make_sample(size)
        people, v = random_people(n, K, size[::-1])
        encoded = head.decoder.encode(people, v)
        mask = np.ones((1, *encoded['heatmaps'].shape[1:]), dtype=bool)
        sample.gt_fields = PixelData(
            heatmaps=encoded['heatmaps'], heatmap_mask=mask).to_tensor()
        sample.gt_instance_labels = InstanceData(
            keypoint_indices=encoded['keypoint_indices']).to_tensor()
        samples.append(sample)
    return samples


@pytest.mark.parametrize('counts', [[2, 0, 3], [0, 0]])
@pytest.mark.parametrize('tags', [
    dict(),
    dict(tag_dim=2),
    dict(tag_dim=2, tag_per_keypoint=False),
])
def test_head_trains(counts, tags):
    """Every parameter gets a gradient, people or none."""
    head = make_head(**tags)
    head.init_weights()
    feats = (torch.randn(len(counts), 6, 24, 32), )
    losses = head.loss(feats, make_targets(counts, head))
    assert set(losses) == {'loss_heatmap', 'loss_pull', 'loss_push'}
    sum(losses.values()).backward()
    for parameter in head.parameters():
        assert torch.isfinite(parameter.grad).all()


@pytest.mark.parametrize('flip', [False, True])
@pytest.mark.parametrize('restore', [False, True])
def test_a_padded_batch_predicts_what_single_images_do(flip, restore):
    """Whatever lies in the padding."""
    head = make_head()
    torch.nn.init.normal_(head.final_layer.weight)
    sizes, total = [(128, 96), (96, 64)], (128, 96)
    cfg = dict(flip_test=flip, restore_heatmap_size=restore)
    feats = torch.randn(2, 6, 24, 32)
    mirrored = feats.flip(-1)
    batch = head.predict([(feats, ), (mirrored, )] if flip else (feats, ),
                         [make_sample(size, total) for size in sizes], cfg)
    for i, (width, height) in enumerate(sizes):
        one = feats[i:i + 1, :, :height // 4, :width // 4]
        single, = head.predict([(one, ), (one.flip(-1), )] if flip else
                               (one, ), [make_sample((width, height))], cfg)
        assert len(single.keypoints)
        if restore and i:
            # bilinear enlargement looks over the border
            assert (batch[i].keypoints <= (width, height)).all()
            continue
        np.testing.assert_allclose(
            batch[i].keypoints, single.keypoints, atol=1e-3)
        np.testing.assert_allclose(
            batch[i].keypoint_scores, single.keypoint_scores, atol=1e-4)


def test_head_returns_heatmaps_on_request():
    head = make_head()
    feats = (torch.randn(1, 6, 24, 32), )
    people, fields = head.predict(feats, [make_sample((128, 96))],
                                  dict(output_heatmaps=True))
    assert len(people) == len(fields) == 1
    assert fields[0].heatmaps.shape == fields[0].tags.shape == (K, 24, 32)


def test_errors_say_what_to_do():
    head = make_head()
    sample = make_sample((130, 96))
    with pytest.raises(ValueError, match='pad_size_divisor'):
        head.predict((torch.randn(1, 6, 24, 33), ), [sample])
    with pytest.raises(ValueError, match='multiscale_test'):
        head.predict((), [sample], dict(multiscale_test=True))
    targets = make_targets([1], head)
    with pytest.raises(ValueError, match='heatmap_size'):
        head.loss((torch.randn(1, 6, 12, 16), ), targets)
    with pytest.raises(ValueError, match='decode_keypoint_order'):
        make_codec(decode_keypoint_order=[0, 1]).batch_decode(
            *random_maps(1))
    with pytest.raises(ValueError, match='RandomAffine'):
        make_codec().encode(
            np.zeros((0, K, 2)), np.zeros((0, K)), img_shape=(96, 100))
    with pytest.raises(ValueError, match='decode_nms_kernel'):
        make_codec(decode_nms_kernel=4)
