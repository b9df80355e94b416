"""Train in mixed precision without loss scaling, on every device."""

from contextlib import contextmanager
from typing import Iterator

import torch
from mmengine.optim import OptimWrapper
from mmengine.runner.amp import autocast
from mmpose.registry import OPTIM_WRAPPERS
from torch import nn


def has_bfloat16(device: str) -> bool:
    """Return whether a device computes natively in bfloat16.

    A device without native support emulates it: a convolution on a CPU without
    AVX-512 takes 60 times as long as in float32.

    Args:
        device (str): 'cpu' or 'cuda'.
    """
    if device == 'cuda':
        # Not `is_bf16_supported`: from torch 2.4 on it includes emulation.
        is_rocm = torch.version.hip is not None
        return is_rocm or torch.cuda.get_device_capability()[0] >= 8
    # Private API (torch 2.14.1, checked). A build without mkldnn lacks it.
    supported = getattr(torch.ops.mkldnn, '_is_mkldnn_bf16_supported', None)
    return supported is not None and supported()


# Workaround (mmengine<=0.10.7): `AmpOptimWrapper` also scales the loss in
# bfloat16, and does not start without a GPU.
@OPTIM_WRAPPERS.register_module()
class BFloat16OptimWrapper(OptimWrapper):
    """Compute matrix products and convolutions of training in bfloat16.

    bfloat16 has the range of float32, so the loss needs no scaling.
    Parameters, gradients and optimiser stay in float32. :class:`POETHead`
    predicts, matches and computes losses in float32.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Run the forward passes inside in bfloat16."""
        device = next(model.parameters()).device.type
        with super().optim_context(model), autocast(device, torch.bfloat16):
            yield
