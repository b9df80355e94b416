"""Precision in which poses, costs and losses are computed: fp32."""

from contextlib import nullcontext
from typing import ContextManager

import torch
from torch import Tensor


def full_precision(like: Tensor) -> ContextManager:
    """Switch autocast off, on devices for which torch has it."""
    device = like.device.type
    if device in ('cpu', 'cuda'):
        return torch.autocast(device, enabled=False)
    return nullcontext()
