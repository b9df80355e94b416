"""Hooks that make a model faster without changing what it computes."""

from typing import Sequence

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpose.registry import HOOKS
from torch import nn

from .utils import unwrapped_model


@HOOKS.register_module()
class ChannelsLastHook(Hook):
    """Keep convolution weights, and so all feature maps, in channels-last
    order, which tensor cores want; see :func:`use_channels_last`.

    Shapes, checkpoints and interfaces stay as they are; results differ by
    rounding.
    """

    def before_run(self, runner: Runner) -> None:
        """Reorder the weights; those that are loaded later follow."""
        use_channels_last(unwrapped_model(runner))


def use_channels_last(model: nn.Module) -> None:
    """Reorder the weights of a model on a GPU.

    A model on the CPU is left alone: a step of POET-R50 would gain 9 %, and
    once, on a CPU of unknown make, training a network of 8 channels in this
    order under torch 2.1.2 ended in a corrupted heap.
    """
    if any(parameter.is_cuda for parameter in model.parameters()):
        model.to(memory_format=torch.channels_last)


# Workaround (torch<2.4): `torch.compile` is refused under Python 3.12.
def can_compile() -> bool:
    """Whether ``torch.compile`` is there: torch 2.1 to 2.3 refuse it under
    Python 3.12.
    """
    try:
        torch.compile(lambda: None)
    except RuntimeError:
        return False
    return True


# Workaround (mmengine<=0.10.7): `compile=True` compiles the whole step, which
# fails on lists of images and data samples.
@HOOKS.register_module()
class CompileHook(Hook):
    """Compile parts of the model with ``torch.compile`` when training begins.

    mmengine's ``compile=True`` compiles the whole step and fails on lists of
    images and data samples; the parts named here take tensors only. Every new
    shape is compiled anew (or once more, with ``dynamic=True``), so give
    batches few shapes with ``model.data_preprocessor.pad_size_divisor``.

    Args:
        modules (sequence[str]): Names of the parts. Defaults to the backbone
            and the encoder of :class:`POETHead`.
        **options: Of ``torch.compile``: ``mode``, ``dynamic``, ``backend``.
    """

    def __init__(
        self, modules: Sequence[str] = ('backbone', 'head.encoder'), **options
    ) -> None:
        self.modules = list(modules)
        self.options = options

    def before_train(self, runner: Runner) -> None:
        """Replace the ``forward`` of each part; parameters stay in place."""
        self.compile(unwrapped_model(runner))

    def compile(self, model: nn.Module) -> None:
        """The same for a model outside of a runner."""
        for name in self.modules:
            module = self._find(model, name)
            module.forward = torch.compile(module.forward, **self.options)

    @staticmethod
    def _find(model: nn.Module, name: str) -> nn.Module:
        try:
            return model.get_submodule(name)
        except AttributeError:
            parts = [part for part, _ in model.named_modules() if part][:200]
            known = [part for part in parts if part.count('.') < 2]
            raise ValueError(
                f'CompileHook got modules with {name!r}, which the model does '
                f'not have; it has {", ".join(known)}.'
            ) from None
