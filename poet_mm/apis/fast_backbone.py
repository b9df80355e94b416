"""Make a backbone faster, for inference only."""

from copy import deepcopy

import torch
from mmcv.cnn import fuse_conv_bn
from torch import nn

BATCH_NORMS = (nn.BatchNorm2d, nn.SyncBatchNorm)
PROBE = (1, 3, 64, 64)  # B, C, H, W
# Narrower networks do not get faster on a CPU with channels-last feature maps.
MIN_CHANNELS = 16
TOLERANCE = 1e-3  # relative to the largest absolute value


# Workaround (mmcv<=2.1.0): `fuse_conv_bn` pairs convolutions and norms by the
# order of their declaration, which may not be that of their use.
@torch.no_grad()
def as_fast_backbone(backbone: nn.Module) -> nn.Module:
    """Fold batch norms and keep feature maps in channels-last order.

    Each batch norm is folded into the convolution before it. mmcv pairs them
    in the order of their declaration. If a block uses them in another order,
    the outputs would change, and the backbone is not folded.

    Args:
        backbone (nn.Module): In evaluation mode. Its weights keep their
            values.

    Returns:
        nn.Module: For inference only. Its outputs differ by rounding.
    """
    fast = backbone
    if any(isinstance(m, BATCH_NORMS) for m in backbone.modules()):
        folded = fuse_conv_bn(deepcopy(backbone))
        probe = torch.rand(PROBE).to(next(backbone.parameters()))
        if all(
            torch.allclose(a, b, rtol=0, atol=TOLERANCE * float(a.abs().max()))
            for a, b in zip(backbone(probe), folded(probe))
        ):
            fast = folded
    channels = [
        m.out_channels for m in fast.modules() if isinstance(m, nn.Conv2d)
    ]
    if channels and min(channels) >= MIN_CHANNELS:
        # If nothing was folded, this changes the original in place.
        fast = fast.to(memory_format=torch.channels_last)
    return fast
