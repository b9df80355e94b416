"""Make a model faster without changing its results beyond rounding."""

from typing import Sequence

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpose.registry import HOOKS
from torch import nn

from .utils import unwrapped_model


@HOOKS.register_module()
class ChannelsLastHook(Hook):
    """Keep convolution weights and feature maps in channels-last order.

    Tensor cores compute faster in this order. Shapes and checkpoints do not
    change. See :func:`use_channels_last`.
    """

    def before_run(self, runner: Runner) -> None:
        """Reorder the weights; weights loaded later keep the order."""
        use_channels_last(unwrapped_model(runner))


def use_channels_last(model: nn.Module) -> None:
    """Reorder the weights of a model on a GPU; leave one on a CPU unchanged.

    On a CPU, training a small network in this order corrupts the heap (seen
    with torch 2.1.2 and 2.14.1 and two threads).
    """
    if any(parameter.is_cuda for parameter in model.parameters()):
        model.to(memory_format=torch.channels_last)


# Workaround (mmengine<=0.10.7): `compile=True` compiles the whole step, which
# fails on lists of images and data samples.
@HOOKS.register_module()
class CompileHook(Hook):
    """Compile modules of the model with ``torch.compile`` before training.

    The modules must take tensors only. Each new input shape is compiled again;
    with ``dynamic=True``, only the second shape is. To have few shapes, set a
    large ``model.data_preprocessor.pad_size_divisor``. torch before 2.4 cannot
    compile under Python 3.12.

    Args:
        modules (sequence[str]): Names of the modules. Defaults to the
            backbone and the encoder of :class:`POETHead`.
        **options: Arguments of ``torch.compile``: ``mode``, ``dynamic``,
            ``backend``.
    """

    def __init__(
        self, modules: Sequence[str] = ('backbone', 'head.encoder'), **options
    ) -> None:
        self.modules = list(modules)
        self.options = options

    def before_train(self, runner: Runner) -> None:
        """Replace the ``forward`` of each module; parameters do not change.

        Raises:
            ValueError: The model has no module of that name.
        """
        modules = dict(unwrapped_model(runner).named_modules())
        for name in self.modules:
            if name not in modules:
                known = [key for key in modules if key and key.count('.') < 2]
                raise ValueError(
                    f'CompileHook got modules with {name!r}, but the model '
                    f'has {", ".join(known)}.'
                )
            module = modules[name]
            module.forward = torch.compile(module.forward, **self.options)
