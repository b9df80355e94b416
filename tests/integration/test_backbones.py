"""The head behind backbones of MMPose."""

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
        detail=dict(channels=4, joint_channels=8),
        denoising=dict(
            groups=2, center_noise=0.5, scale_noise=0.4, joint_noise=0.2
        ),
        loss=FAST_LOSS,
    ),
)
HEADS['levels'] = dict(HEADS['fast'], pyramid={})


@pytest.mark.parametrize('kind', HEADS)
@pytest.mark.parametrize('name', BACKBONES)
def test_any_backbone_trains(name, kind):
    """One step without a neck."""
    backbone = MODELS.build(dict(type=name, **BACKBONES[name]))
    images = torch.randn(2, 3, 64, 64)
    levels = backbone(images)
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
    losses = head.loss(backbone(images), samples)
    assert all(loss.isfinite() for loss in losses.values())
    sum(losses.values()).backward()
    for part in (backbone, head.input_proj):
        weight = next(part.parameters())
        assert weight.grad.isfinite().all()
        assert weight.grad.any()
