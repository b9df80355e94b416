"""The backbone made for inference computes what the original does."""

import torch
from mmpose.registry import MODELS
from torch import nn

from poet_mm.apis.fast_backbone import as_fast_backbone

RESNET = dict(type='ResNet', depth=18, base_channels=16, stem_channels=16)


class NormBeforeConvolution(nn.Module):
    """Declared in the order in which it is not used."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3)
        self.norm = nn.BatchNorm2d(3)

    def forward(self, x):
        return (self.conv(self.norm(x)),)


def with_statistics(backbone):
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.normal_(module.bias)
    backbone.eval()
    return backbone


def num_norms(model):
    return sum(isinstance(m, nn.BatchNorm2d) for m in model.modules())


@torch.no_grad()
def test_same_outputs_without_norms():
    backbone = with_statistics(MODELS.build(RESNET))
    images = torch.rand(2, 3, 96, 64)
    expected = backbone(images)
    fast = as_fast_backbone(backbone)
    assert num_norms(fast) == 0 < num_norms(backbone)
    for got, level in zip(fast(images), expected):
        torch.testing.assert_close(got, level, atol=1e-4, rtol=1e-3)
        assert got.is_contiguous(memory_format=torch.channels_last)
    for got, level in zip(backbone(images), expected):
        assert torch.equal(got, level)  # the original is as it was


@torch.no_grad()
def test_norm_that_follows_no_convolution_is_kept():
    backbone = with_statistics(NormBeforeConvolution())
    fast = as_fast_backbone(backbone)
    assert num_norms(fast) == 1
    images = torch.rand(1, 3, 16, 16)
    assert torch.equal(fast(images)[0], backbone(images)[0])
