"""The parts of a runner's model that hooks look at."""

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn

from ...models.heads.poet_head import POETHead


def unwrapped_model(runner: Runner) -> nn.Module:
    """The model inside of DDP, or the model."""
    model = runner.model
    return model.module if is_model_wrapper(model) else model


def poet_head(runner: Runner, hook: Hook) -> POETHead:
    """The head, for a hook that works with POET only."""
    head = unwrapped_model(runner).head
    if not isinstance(head, POETHead):
        raise TypeError(
            f'{type(hook).__name__} works with a POETHead, the model has a '
            f'{type(head).__name__}: take the hook out of custom_hooks.'
        )
    return head
