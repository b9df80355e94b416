"""Each piece of the head behind backbones of MMPose."""

import copy

import pytest
import torch
from helpers import FAST_LOSS, random_samples, tiny_head, with_areas
from mmpose.registry import MODELS

BACKBONES = {
    'ResNet': dict(depth=18, base_channels=16, stem_channels=16),
    'HRNet': dict(
        extra=dict(
            stage1=dict(
                num_modules=1,
                num_branches=1,
                block='BOTTLENECK',
                num_blocks=(1,),
                num_channels=(8,),
            ),
            stage2=dict(
                num_modules=1,
                num_branches=2,
                block='BASIC',
                num_blocks=(1, 1),
                num_channels=(8, 16),
                multiscale_output=True,
            ),
            stage3=dict(
                num_modules=1,
                num_branches=3,
                block='BASIC',
                num_blocks=(1, 1, 1),
                num_channels=(8, 16, 32),
            ),
            stage4=dict(
                num_modules=1,
                num_branches=4,
                block='BASIC',
                num_blocks=(1, 1, 1, 1),
                num_channels=(8, 16, 32, 64),
                multiscale_output=True,
            ),
        )
    ),
    'SwinTransformer': dict(
        embed_dims=12,
        depths=(1, 1, 1, 1),
        num_heads=(1, 2, 3, 6),
        window_size=4,
    ),
    'MobileNetV2': dict(widen_factor=0.25, out_indices=(2, 7)),
    'ShuffleNetV2': dict(widen_factor=0.5),
    'ResNeXt': dict(depth=50, base_channels=16),
    'PyramidVisionTransformerV2': dict(embed_dims=8, num_layers=[1, 1, 1, 1]),
}
PIECES = {
    'faithful': {},
    'proposals': dict(propose=True),
    'corrections': dict(refine=True),
    'detail': dict(refine=True, detail=dict(channels=4, joint_channels=8)),
    'denoising': dict(
        propose=True,
        denoising=dict(
            groups=2, center_noise=0.5, scale_noise=0.4, joint_noise=0.2
        ),
    ),
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
    channels = (
        [level.shape[1] for level in levels]
        if isinstance(levels, (list, tuple))
        else [levels.shape[1]]
    )
    pieces = copy.deepcopy(PIECES[piece])
    if 'detail' in pieces:
        pieces['detail']['in_channels'] = channels
    head = tiny_head(in_channels=channels[-1], **pieces)
    samples = with_areas(random_samples([2, 1], img_shape=(64, 50)))
    for sample in samples:
        sample.set_metainfo(dict(batch_input_shape=(64, 64)))
    before = next(backbone.parameters()).detach().clone()
    optimizer = torch.optim.SGD(
        [*backbone.parameters(), *head.parameters()], lr=1e-3
    )
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
