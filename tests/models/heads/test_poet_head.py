"""POETHead: padding blindness, gradients, predictions, errors."""

import numpy as np
import pytest
import torch
from helpers import make_sample, random_samples, tiny_head
from mmdet.models.layers.transformer.detr_layers import DetrTransformerDecoder

from poet_mm.models.layers.padding import ValidRegion

FEAT = (2, 8, 4, 6)  # B, C, H, W of pixels 64 x 96


def test_fields_and_ranges():
    head = tiny_head().eval()
    outputs = head((torch.randn(FEAT),))
    shapes = {name: tuple(values.shape) for name, values in outputs.items()}
    assert shapes == dict(
        logits=(2, 2, 6, 2),
        centers=(2, 2, 6, 2),
        offsets=(2, 2, 6, 5, 2),
        visibility=(2, 2, 6, 5),
    )
    assert outputs['centers'].min() > 0
    assert outputs['centers'].max() < 1
    assert outputs['offsets'].abs().max() < 1
    assert outputs['offsets'].min() < 0


def test_mask_equals_cropping():
    """An image padded in a batch is predicted as it is alone."""
    head = tiny_head().eval()
    keypoints = np.zeros((0, 5, 2), dtype=np.float32)
    sample = make_sample(keypoints, keypoints[..., 0], (48, 64), (64, 96))
    feat = torch.randn(FEAT)[:1]
    alone = head((feat[:, :, :3, :4],))
    padded = head((feat,), [sample])
    for name in alone:
        torch.testing.assert_close(padded[name], alone[name])


def test_auxiliary_losses_are_those_of_each_layer():
    """Layer i of the loss depends on decoder layers up to i only."""
    head = tiny_head()
    losses = head.loss((torch.randn(2, 8, 4, 3),), random_samples([2, 1]))
    last = head.decoder.layers[1].ffn.layers[1].weight
    (grad,) = torch.autograd.grad(
        losses['d0.loss_keypoints'], last, retain_graph=True, allow_unused=True
    )
    assert grad is None or not grad.any()
    (grad,) = torch.autograd.grad(losses['loss_keypoints'], last)
    assert grad.any()


def test_bf16_autocast_step():
    head = tiny_head()
    feat = torch.randn(2, 8, 4, 3)
    samples = random_samples([2, 1])
    plain = head.loss((feat,), samples)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        outputs = head((feat,), samples)
        losses = head.loss((feat,), samples)
    assert {value.dtype for value in outputs.values()} == {torch.float32}
    sum(losses.values()).backward()
    for name, value in losses.items():
        assert value.item() == pytest.approx(plain[name].item(), rel=0.05)


def test_predict():
    head = tiny_head().eval().requires_grad_(False)
    samples = random_samples([1, 0], img_shape=(64, 48))
    feats = (torch.randn(2, 8, 4, 3),)
    predictions = head.predict(feats, samples, test_cfg={})
    outputs = head(feats, samples)
    assert len(predictions) == 2
    last = {name: values[-1, 1] for name, values in outputs.items()}
    points = (last['centers'][:, None] + last['offsets']) * torch.tensor(
        [48.0, 64.0]
    )
    person = last['logits'].softmax(-1)[:, 0]
    got = predictions[1]
    np.testing.assert_allclose(got.keypoints, points, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(got.bbox_scores, person, rtol=1e-5)
    np.testing.assert_allclose(got.visibility, last['visibility'], rtol=1e-5)
    np.testing.assert_allclose(
        got.keypoint_scores, person[:, None] * last['visibility'], rtol=1e-5
    )
    np.testing.assert_allclose(
        got.centers, last['centers'] * torch.tensor([48.0, 64.0]), rtol=1e-5
    )


def test_centers_are_in_original_pixels():
    """As the keypoints are, once the estimator has moved them: here the
    input shows the right half of an image, twice as large."""
    head = tiny_head().eval().requires_grad_(False)
    (sample,) = random_samples([1], img_shape=(64, 48))
    sample.set_metainfo(
        dict(
            input_center=np.array([36.0, 16.0]),
            input_scale=np.array([24.0, 32.0]),
        )
    )
    feats = (torch.randn(1, 8, 4, 3),)
    centers = head.predict(feats, [sample])[0].centers
    expected = head(feats, [sample])['centers'][-1, 0].numpy()
    np.testing.assert_allclose(
        centers, expected * [24, 32] + [24, 0], rtol=1e-5
    )


def test_pretrained_head_keeps_its_weights(tmp_path):
    head = tiny_head()
    torch.save(head.state_dict(), tmp_path / 'head.pth')
    again = tiny_head(
        init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'head.pth'))
    )
    for name, value in head.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


def test_paper_outputs_are_what_they_were():
    """Bit for bit those of mmdet's decoder, all states read at once."""
    head = tiny_head().eval()
    feat = torch.randn(FEAT)
    memory, position, _ = head.encode(feat, ValidRegion(None, feat))
    queries = head.query_embedding.weight.expand(2, -1, -1)
    states = DetrTransformerDecoder.forward(
        head.decoder,
        query=torch.zeros_like(queries),
        key=memory,
        value=memory,
        query_pos=queries,
        key_pos=position,
        key_padding_mask=None,
    )
    pose = head.pose_embed(states).sigmoid()
    joints = pose[..., 2:].unflatten(-1, (5, 3))
    expected = dict(
        logits=head.class_embed(states),
        centers=pose[..., :2],
        offsets=2 * joints[..., :2] - 1,
        visibility=joints[..., 2],
    )
    outputs = head((feat,))
    assert outputs.keys() == expected.keys()
    for name, values in expected.items():
        assert torch.equal(outputs[name], values), name
