"""The head behind backbones and necks of MMPose."""

import copy

import pytest
import torch
from helpers import FAST_LOSS, random_samples, tiny_head, with_areas
from mmpose.registry import MODELS


def stage(num_branches):
    """A stage of a small HRNet."""
    return dict(
        num_modules=1,
        num_branches=num_branches,
        block='BASIC' if num_branches > 1 else 'BOTTLENECK',
        num_blocks=(1,) * num_branches,
        num_channels=(8, 16, 32, 64)[:num_branches],
        multiscale_output=True,
    )


BACKBONES = {
    'ResNet': dict(depth=18, base_channels=16, stem_channels=16),
    'HRNet': dict(extra={f'stage{i}': stage(i) for i in (1, 2, 3, 4)}),
    'SwinTransformer': dict(
        embed_dims=12,
        depths=(1, 1, 1, 1),
        num_heads=(1, 2, 3, 6),
        window_size=4,
    ),
    'MobileNetV2': dict(widen_factor=0.25, out_indices=(2, 7)),
    'ShuffleNetV2': dict(widen_factor=0.5),
    'PyramidVisionTransformerV2': dict(embed_dims=8, num_layers=[1, 1, 1, 1]),
}
HEADS = dict(
    paper={},
    fast=dict(
        propose=True,
        refine=True,
        predict_oks=True,
        detail=dict(channels=4, joint_channels=8, points=3),
        denoising=dict(
            groups=2, center_noise=0.5, scale_noise=0.4, joint_noise=0.2
        ),
        loss=FAST_LOSS,
    ),
)
HEADS['levels'] = dict(HEADS['fast'], pyramid={})


NECKS = {
    'FPN': dict(in_channels=[16, 32, 64], out_channels=8, num_outs=3),
    'ChannelMapper': dict(in_channels=[16, 32, 64], out_channels=8),
    'HybridEncoder': dict(
        in_channels=[16, 32, 64],
        hidden_dim=16,
        encoder_cfg=dict(
            self_attn_cfg=dict(embed_dims=16, num_heads=2),
            ffn_cfg=dict(embed_dims=16, feedforward_channels=16),
        ),
    ),
}


def check_a_step(features, kind):
    """Train a head on the levels that ``features`` returns for images."""
    images = torch.randn(2, 3, 64, 64)
    levels = features(images)
    levels = levels if isinstance(levels, (list, tuple)) else [levels]
    channels = [level.shape[1] for level in levels]
    options = copy.deepcopy(HEADS[kind])
    if 'detail' in options:
        options['detail']['in_channels'] = channels
    if 'pyramid' in options:
        if len(channels) == 1:
            pytest.skip('a backbone with one level')
        options['pyramid']['in_channels'] = channels[-2:-1]
    head = tiny_head(in_channels=channels[-1], **options)
    samples = with_areas(random_samples([2, 1], img_shape=(64, 50)))
    for sample in samples:
        sample.set_metainfo(dict(batch_input_shape=(64, 64)))
    losses = head.loss(features(images), samples)
    assert all(loss.isfinite() for loss in losses.values())
    sum(losses.values()).backward()
    for part in (features, head.input_proj):
        weight = next(part.parameters())
        assert weight.grad.isfinite().all()
        assert weight.grad.any()


@pytest.mark.parametrize('kind', HEADS)
@pytest.mark.parametrize('name', BACKBONES)
def test_any_backbone_trains(name, kind):
    backbone = MODELS.build(dict(type=name, **BACKBONES[name]))
    check_a_step(backbone, kind)


@pytest.mark.parametrize('kind', HEADS)
@pytest.mark.parametrize('name', NECKS)
def test_necks_train(name, kind):
    resnet = dict(BACKBONES['ResNet'], out_indices=(0, 1, 2))
    check_a_step(
        torch.nn.Sequential(
            MODELS.build(dict(type='ResNet', **resnet)),
            MODELS.build(dict(type=name, **NECKS[name])),
        ),
        kind,
    )
