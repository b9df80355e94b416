"""Mixed precision without loss scaling, on every device."""

from contextlib import contextmanager
from typing import Iterator

import torch
from mmengine.optim import OptimWrapper
from mmengine.runner.amp import autocast
from mmpose.registry import OPTIM_WRAPPERS
from torch import nn


def has_bfloat16(device: str) -> bool:
    """Whether a device, ``'cpu'`` or ``'cuda'``, computes in bfloat16.

    Others emulate it: a convolution on a CPU without AVX-512 then takes 60
    times as long as in float32.
    """
    if device == 'cuda':
        return torch.cuda.is_bf16_supported()
    supported = getattr(torch.ops.mkldnn, '_is_mkldnn_bf16_supported', None)
    return supported is not None and supported()


# Workaround (mmengine<=0.10.7): `AmpOptimWrapper` scales the loss in bfloat16
# too and does not start without a GPU.
@OPTIM_WRAPPERS.register_module()
class BFloat16OptimWrapper(OptimWrapper):
    """Train with matrix products and convolutions in bfloat16.

    bfloat16 has the range of float32, so no loss is scaled. mmengine's
    ``AmpOptimWrapper`` scales always and does not start without a GPU.
    Parameters, gradients and optimiser stay float32; :class:`POETHead`
    predicts, matches and measures losses in float32.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Forward passes inside run in bfloat16."""
        with super().optim_context(model), autocast(dtype=torch.bfloat16):
            yield
