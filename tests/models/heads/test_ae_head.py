"""The AE head: perfect maps, training, padding, errors."""

import numpy as np
import pytest
import torch
from ae_maps import make_codec, random_maps
from helpers import random_people
from mmengine.structures import InstanceData, PixelData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

K = 5
SWAP = [0, 2, 1, 4, 3]  # flip pairs of five joints


def perfect_maps(people, codec, tag_of):
    """Maps of a network without error: (K, H, W) twice."""
    encoded = codec.encode(people, np.full(people.shape[:2], 2))
    tags = np.zeros_like(encoded['heatmaps'])
    for n, cells in enumerate(encoded['keypoint_indices'][..., 0]):
        y, x = np.divmod(cells, tags.shape[2])
        for k in range(K):
            tags[
                k, max(0, y[k] - 1) : y[k] + 2, max(0, x[k] - 1) : x[k] + 2
            ] = tag_of[n]
    return encoded['heatmaps'], tags


def make_sample(size, batch_size=None):
    width, height = size
    return PoseDataSample(
        metainfo=dict(
            img_shape=(height, width),
            input_size=size,
            batch_input_shape=(batch_size or size)[::-1],
            flip_indices=SWAP,
        )
    )


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
                sigma=1,
            ),
            **kwargs,
        )
    )


@pytest.mark.parametrize('stride', [4, 8, 16, 32])
@pytest.mark.parametrize('flip', [False, True])
@pytest.mark.parametrize('restore', [False, True])
def test_perfect_maps_decode_to_their_people(
    stride, flip, restore, monkeypatch
):
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
        tuple(
            torch.tensor(values)[None]
            for values in perfect_maps(these, head.decoder, tags)
        )
        for these, tags in ((people, [1, 3, 5]), (mirrored, [8, 4, 6]))
    ]
    monkeypatch.setattr(type(head), 'forward', lambda self, feats: maps[feats])
    (decoded,) = head.predict(
        [0, 1] if flip else 0,
        [make_sample(size)],
        dict(flip_test=flip, restore_heatmap_size=restore),
    )
    assert decoded.keypoints.shape == (3, K, 2)
    order = [
        abs(decoded.keypoints - one).max((1, 2)).argmin() for one in people
    ]
    assert sorted(order) == [0, 1, 2]
    error = abs(decoded.keypoints[order] - people).max()
    assert error <= stride / 2 + 0.75 * restore
    np.testing.assert_allclose(decoded.bbox_scores, 1, atol=0.2)


def make_targets(counts, head, size=(128, 96), visible=None):
    samples = []
    for n in counts:
        sample = make_sample(size)
        people, v = random_people(n, K, size[::-1])
        encoded = head.decoder.encode(people, v)
        mask = np.ones((1, *encoded['heatmaps'].shape[1:]), dtype=bool)
        sample.gt_fields = PixelData(
            heatmaps=encoded['heatmaps'], heatmap_mask=mask
        ).to_tensor()
        sample.gt_instance_labels = InstanceData(
            keypoint_indices=encoded['keypoint_indices']
        ).to_tensor()
        samples.append(sample)
    return samples


@pytest.mark.parametrize('counts', [[2, 0, 3], [0, 0]])
@pytest.mark.parametrize(
    'tags', [dict(), dict(tag_dim=2), dict(tag_dim=2, tag_per_keypoint=False)]
)
def test_head_trains(counts, tags):
    """Every parameter gets a gradient, people or none."""
    head = make_head(**tags)
    head.init_weights()
    feats = (torch.randn(len(counts), 6, 24, 32),)
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
    batch = head.predict(
        [(feats,), (mirrored,)] if flip else (feats,),
        [make_sample(size, total) for size in sizes],
        cfg,
    )
    for i, (width, height) in enumerate(sizes):
        one = feats[i : i + 1, :, : height // 4, : width // 4]
        (single,) = head.predict(
            [(one,), (one.flip(-1),)] if flip else (one,),
            [make_sample((width, height))],
            cfg,
        )
        assert len(single.keypoints)
        if restore and i:
            # bilinear enlargement looks over the border
            assert (batch[i].keypoints <= (width, height)).all()
            continue
        np.testing.assert_allclose(
            batch[i].keypoints, single.keypoints, atol=1e-3
        )
        np.testing.assert_allclose(
            batch[i].keypoint_scores, single.keypoint_scores, atol=1e-4
        )


def test_head_returns_heatmaps_on_request():
    head = make_head()
    feats = (torch.randn(1, 6, 24, 32),)
    people, fields = head.predict(
        feats, [make_sample((128, 96))], dict(output_heatmaps=True)
    )
    assert len(people) == len(fields) == 1
    assert fields[0].heatmaps.shape == fields[0].tags.shape == (K, 24, 32)


def test_errors_say_what_to_do():
    head = make_head()
    sample = make_sample((130, 96))
    with pytest.raises(ValueError, match='pad_size_divisor'):
        head.predict((torch.randn(1, 6, 24, 33),), [sample])
    with pytest.raises(ValueError, match='multiscale_test'):
        head.predict((), [sample], dict(multiscale_test=True))
    targets = make_targets([1], head)
    with pytest.raises(ValueError, match='heatmap_size'):
        head.loss((torch.randn(1, 6, 12, 16),), targets)
    with pytest.raises(ValueError, match='decode_keypoint_order'):
        make_codec(decode_keypoint_order=[0, 1]).batch_decode(*random_maps(1))
    with pytest.raises(ValueError, match='RandomAffine'):
        make_codec().encode(
            np.zeros((0, K, 2)), np.zeros((0, K)), img_shape=(96, 100)
        )
    with pytest.raises(ValueError, match='decode_nms_kernel'):
        make_codec(decode_nms_kernel=4)
