"""POETHead: padding blindness, gradients, predictions, backbones."""
import copy

import numpy as np
import pytest
import torch
from helpers import (
    FAST_LOSS,
    make_sample,
    random_samples,
    tiny_head,
    with_areas,
)
from mmpose.registry import MODELS

from poet_mm.models.layers.padding import padding_mask

FEAT = (2, 8, 4, 6)  # B, C, H, W of pixels 64 x 96


def test_fields_and_ranges():
    head = tiny_head().eval()
    outputs = head((torch.randn(FEAT), ))
    shapes = {name: tuple(values.shape) for name, values in outputs.items()}
    assert shapes == dict(
        logits=(2, 2, 6, 2),
        centers=(2, 2, 6, 2),
        offsets=(2, 2, 6, 5, 2),
        visibility=(2, 2, 6, 5))
    assert outputs['centers'].min() > 0
    assert outputs['centers'].max() < 1
    assert outputs['offsets'].abs().max() < 1
    assert outputs['offsets'].min() < 0


def test_no_padding_is_no_mask():
    samples = random_samples([1, 0])
    assert padding_mask(samples, torch.zeros(2, 8, 4, 3)) is None
    assert padding_mask(None, torch.zeros(2, 8, 4, 3)) is None


def test_mask_covers_cells_beyond_the_image():
    keypoints = np.zeros((0, 5, 2), dtype=np.float32)
    samples = [
        make_sample(keypoints, keypoints[..., 0], shape, (64, 96))
        for shape in ((64, 96), (33, 16))
    ]
    mask = padding_mask(samples, torch.zeros(2, 8, 4, 6))
    assert not mask[0].any()
    expected = torch.ones(4, 6, dtype=torch.bool)
    expected[:3, :1] = False  # 33 rows reach into the third cell of 16
    assert torch.equal(mask[1], expected)


@pytest.mark.parametrize('mode', ['eval', 'train'])
def test_blind_to_padding(mode):
    head = tiny_head()
    head.train(mode == 'train')
    samples = random_samples([2, 1], img_shape=(40, 60))
    for sample in samples:
        sample.set_metainfo(dict(batch_input_shape=(64, 96)))
    feat = torch.randn(FEAT)
    changed = feat.clone()
    mask = padding_mask(samples, feat)
    assert mask.any()
    changed.masked_fill_(mask[:, None], 1000.0)
    expected, got = head((feat, ), samples), head((changed, ), samples)
    for name in expected:
        assert torch.equal(expected[name], got[name]), name


def test_mask_equals_cropping():
    """An image padded in a batch is predicted as it is alone."""
    head = tiny_head().eval()
    keypoints = np.zeros((0, 5, 2), dtype=np.float32)
    sample = make_sample(keypoints, keypoints[..., 0], (48, 64), (64, 96))
    feat = torch.randn(FEAT)[:1]
    alone = head((feat[:, :, :3, :4], ))
    padded = head((feat, ), [sample])
    for name in alone:
        torch.testing.assert_close(padded[name], alone[name])


@pytest.mark.parametrize('counts', [[0, 0], [2, 0]])
def test_every_parameter_gets_a_gradient(counts):
    head = tiny_head()
    samples = random_samples(counts)
    losses = head.loss((torch.randn(2, 8, 4, 3), ), samples)
    assert all(value.isfinite() for value in losses.values())
    sum(losses.values()).backward()
    without = [
        name for name, parameter in head.named_parameters()
        if parameter.grad is None
    ]
    assert not without


def test_auxiliary_losses_are_those_of_each_layer():
    """Layer i of the loss depends on decoder layers up to i only."""
    head = tiny_head()
    losses = head.loss((torch.randn(2, 8, 4, 3), ), random_samples([2, 1]))
    last = head.decoder.layers[1].ffn.layers[1].weight
    grad, = torch.autograd.grad(
        losses['d0.loss_keypoints'], last, retain_graph=True,
        allow_unused=True)
    assert grad is None or not grad.any()
    grad, = torch.autograd.grad(losses['loss_keypoints'], last)
    assert grad.any()


def test_bf16_autocast_step():
    head = tiny_head()
    feat = torch.randn(2, 8, 4, 3)
    samples = random_samples([2, 1])
    plain = head.loss((feat, ), samples)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        outputs = head((feat, ), samples)
        losses = head.loss((feat, ), samples)
    assert {value.dtype for value in outputs.values()} == {torch.float32}
    sum(losses.values()).backward()
    for name, value in losses.items():
        assert value.item() == pytest.approx(plain[name].item(), rel=0.05)


def test_coordinates_are_not_rounded_to_bf16():
    """Given the decoder's states, autocast changes nothing."""
    head = tiny_head()
    states = torch.randn(2, 1, 6, 16)
    pose = torch.zeros(1)
    expected = head._read_states(states, pose)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        got = head._read_states(states, pose)
    for name in expected:
        assert torch.equal(expected[name], got[name])


def test_predict():
    head = tiny_head().eval().requires_grad_(False)
    samples = random_samples([1, 0], img_shape=(64, 48))
    feats = (torch.randn(2, 8, 4, 3), )
    predictions = head.predict(feats, samples, test_cfg={})
    outputs = head(feats, samples)
    assert len(predictions) == 2
    last = {name: values[-1, 1] for name, values in outputs.items()}
    points = (last['centers'][:, None] + last['offsets']) * torch.tensor(
        [48.0, 64.0])
    person = last['logits'].softmax(-1)[:, 0]
    got = predictions[1]
    np.testing.assert_allclose(got.keypoints, points, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(got.bbox_scores, person, rtol=1e-5)
    np.testing.assert_allclose(got.visibility, last['visibility'], rtol=1e-5)
    np.testing.assert_allclose(
        got.keypoint_scores, person[:, None] * last['visibility'], rtol=1e-5)
    np.testing.assert_allclose(
        got.centers, last['centers'] * torch.tensor([48.0, 64.0]), rtol=1e-5)


def test_centers_are_in_original_pixels():
    """As the keypoints are, once the estimator has moved them: here the
    input shows the right half of an image, twice as large."""
    head = tiny_head().eval().requires_grad_(False)
    sample, = random_samples([1], img_shape=(64, 48))
    sample.set_metainfo(
        dict(
            input_center=np.array([36.0, 16.0]),
            input_scale=np.array([24.0, 32.0])))
    feats = (torch.randn(1, 8, 4, 3), )
    centers = head.predict(feats, [sample])[0].centers
    expected = head(feats, [sample])['centers'][-1, 0].numpy()
    np.testing.assert_allclose(
        centers, expected * [24, 32] + [24, 0], rtol=1e-5)


@pytest.mark.parametrize('option', ['flip_test', 'multiscale_test'])
def test_flip_test_is_refused(option):
    head = tiny_head()
    with pytest.raises(ValueError, match=f'model.test_cfg.{option}=False'):
        head.predict((torch.randn(FEAT), ), [], test_cfg={option: True})


def test_wrong_channels():
    with pytest.raises(ValueError, match=r'10 channels.*model\.head'):
        tiny_head()((torch.randn(2, 10, 4, 3), ))
    with pytest.raises(ValueError, match='must be equal'):
        tiny_head(positional_encoding=dict(num_feats=4))


def test_classes_must_fit_the_codec():
    codec = dict(type='POETCodec', empty_class=True)
    with pytest.raises(ValueError, match='must be 2'):
        tiny_head(codec=codec)
    tiny_head(codec=codec, num_classes=2)
    with pytest.raises(ValueError, match='must be 1'):
        tiny_head(num_classes=2)


def test_pretrained_head_keeps_its_weights(tmp_path):
    head = tiny_head()
    torch.save(head.state_dict(), tmp_path / 'head.pth')
    again = tiny_head(
        init_cfg=dict(
            type='Pretrained', checkpoint=str(tmp_path / 'head.pth')))
    for name, value in head.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


def test_wrong_skeleton():
    with pytest.raises(ValueError, match='num_keypoints=7'):
        tiny_head().loss((torch.randn(1, 8, 4, 3), ),
                         random_samples([1], num_keypoints=7))


BACKBONES = {
    'ResNet': dict(depth=18, base_channels=16, stem_channels=16),
    'HRNet': dict(extra=dict(
        stage1=dict(
            num_modules=1,
            num_branches=1,
            block='BOTTLENECK',
            num_blocks=(1, ),
            num_channels=(8, )),
        stage2=dict(
            num_modules=1,
            num_branches=2,
            block='BASIC',
            num_blocks=(1, 1),
            num_channels=(8, 16),
            multiscale_output=True),
        stage3=dict(
            num_modules=1,
            num_branches=3,
            block='BASIC',
            num_blocks=(1, 1, 1),
            num_channels=(8, 16, 32)),
        stage4=dict(
            num_modules=1,
            num_branches=4,
            block='BASIC',
            num_blocks=(1, 1, 1, 1),
            num_channels=(8, 16, 32, 64),
            multiscale_output=True))),
    'SwinTransformer': dict(
        embed_dims=12,
        depths=(1, 1, 1, 1),
        num_heads=(1, 2, 3, 6),
        window_size=4),
    'MobileNetV2': dict(widen_factor=0.25, out_indices=(2, 7)),
    'ShuffleNetV2': dict(widen_factor=0.5),
    'ResNeXt': dict(depth=50, base_channels=16),
    'PyramidVisionTransformerV2': dict(
        embed_dims=8, num_layers=[1, 1, 1, 1]),
}
PIECES = {
    'faithful': {},
    'proposals': dict(propose=True),
    'corrections': dict(refine=True),
    'detail': dict(refine=True, detail=dict(channels=4, joint_channels=8)),
    'denoising': dict(
        propose=True,
        denoising=dict(
            groups=2, center_noise=0.5, scale_noise=0.4, joint_noise=0.2)),
    'OKS': dict(loss=FAST_LOSS),
}


@pytest.mark.parametrize('piece', PIECES)
@pytest.mark.parametrize('name', BACKBONES)
def test_any_backbone_trains(name, piece):
    """Two steps with each piece alone, or with the one it stands on, through
    backbones of MMPose, without a neck."""
    backbone = MODELS.build(dict(type=name, **BACKBONES[name]))
    images = torch.randn(2, 3, 64, 64)
    levels = backbone(images)
    channels = [level.shape[1] for level in levels] if isinstance(
        levels, (list, tuple)) else [levels.shape[1]]
    pieces = copy.deepcopy(PIECES[piece])
    if 'detail' in pieces:
        pieces['detail']['in_channels'] = channels
    head = tiny_head(in_channels=channels[-1], **pieces)
    samples = with_areas(random_samples([2, 1], img_shape=(64, 50)))
    for sample in samples:
        sample.set_metainfo(dict(batch_input_shape=(64, 64)))
    before = next(backbone.parameters()).detach().clone()
    optimizer = torch.optim.SGD(
        [*backbone.parameters(), *head.parameters()], lr=1e-3)
    for _ in range(2):
        losses = head.loss(backbone(images), samples)
        assert all(loss.isfinite() for loss in losses.values())
        optimizer.zero_grad()
        sum(losses.values()).backward()
        assert head.input_proj.weight.grad.any()
        optimizer.step()
    after = next(backbone.parameters())
    assert after.isfinite().all()
    assert not torch.equal(before, after)
