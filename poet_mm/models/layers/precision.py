"""Compute poses, costs and losses in fp32."""

from contextlib import nullcontext
from typing import ContextManager

import torch
from torch import Tensor


def full_precision(like: Tensor) -> ContextManager:
    """Switch autocast off, on devices for which torch has it.

    It does not cast tensors.
    """
    device = like.device.type
    if device in ('cpu', 'cuda'):
        return torch.autocast(device, enabled=False)
    return nullcontext()
