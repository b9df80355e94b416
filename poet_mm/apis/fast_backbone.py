"""The same backbone, made for inference alone."""

from copy import deepcopy

import torch
from mmcv.cnn import fuse_conv_bn
from mmengine.utils.dl_utils.parrots_wrapper import _BatchNorm
from torch import Tensor, nn

PROBE = (1, 3, 64, 64)
# Below, channels-last gains nothing on a CPU; see also use_channels_last.
NARROWEST = 16


# Workaround (mmcv<=2.1.0): `fuse_conv_bn` pairs convolutions and norms by the
# order of their declaration, which may not be that of their use.
@torch.no_grad()
def as_fast_backbone(backbone: nn.Module) -> nn.Module:
    """Fold batch norms into the convolutions before them, and keep the feature
    maps of wide networks in channels-last order.

    mmcv pairs convolutions and norms by the order in which a block declares
    them. Where a block uses them in another order that changes what the
    network computes: then the backbone is not folded.

    Args:
        backbone (nn.Module): In evaluation mode; not changed.

    Returns:
        nn.Module: Not for training; its outputs differ by rounding.
    """
    fast = backbone
    if any(isinstance(m, _BatchNorm) for m in backbone.modules()):
        folded = fuse_conv_bn(deepcopy(backbone))
        probe = torch.rand(PROBE).to(next(backbone.parameters()))
        if _same(backbone(probe), folded(probe)):
            fast = folded
    channels = [
        m.out_channels for m in fast.modules() if isinstance(m, nn.Conv2d)
    ]
    if channels and min(channels) >= NARROWEST:
        fast = fast.to(memory_format=torch.channels_last)
    return fast


def _same(levels: tuple, others: tuple) -> bool:
    """Whether feature levels are equal up to rounding."""
    return all(_difference(a, b) < 1e-3 for a, b in zip(levels, others))


def _difference(a: Tensor, b: Tensor) -> float:
    return float((a - b).abs().max() / a.abs().max().clamp(min=1e-6))
