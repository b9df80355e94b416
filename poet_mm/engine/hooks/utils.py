"""Get the model, the head and the sigmas from a Runner."""

import torch
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.utils.data import DataLoader

from ...models.heads.poet_head import POETHead


def unwrapped_model(runner: Runner) -> nn.Module:
    """Return the model, without the DDP module around it."""
    model = runner.model
    return model.module if is_model_wrapper(model) else model


def poet_head(runner: Runner, hook: Hook) -> POETHead:
    """Return the head of the model, for a hook that needs a POETHead.

    Raises:
        TypeError: The model has another head.
    """
    head = unwrapped_model(runner).head
    if not isinstance(head, POETHead):
        raise TypeError(
            f'{type(hook).__name__} needs a POETHead, but the model has a '
            f'{type(head).__name__}. Remove the hook from custom_hooks.'
        )
    return head


def sigmas_of(loader: DataLoader) -> Tensor:
    """Return the sigmas (K, ) of a loader's data set."""
    sigmas = loader.dataset.metainfo['sigmas']
    return torch.as_tensor(sigmas, dtype=torch.float32)
