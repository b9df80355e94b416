"""Stop training at NaN or infinity, before it reaches the weights."""

import math
from functools import wraps
from pathlib import Path

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpose.registry import HOOKS
from torch import Tensor

from ...errors import NonFiniteError
from ...models.listeners import Listeners
from .incident import write_incident
from .utils import unwrapped_model


@HOOKS.register_module()
class NonFiniteHook(Hook):
    """Raise a NonFiniteError if a cost, loss or gradient is not finite.

    The message names loss terms, costs, decoder layers, images, and the file
    of the step for :func:`replay`. A non-finite gradient reaches all ranks, so
    all stop. A non-finite cost stops its own rank only; the launcher then ends
    the others. Infinite gradients that ``AmpOptimWrapper`` skips are allowed.

    Args:
        action (str): Ignored. Configs of older checkpoints set it.
    """

    def __init__(self, action: str = 'stop') -> None:
        pass

    def before_train(self, runner: Runner) -> None:
        """Skip optimiser steps whose gradient or matching is not finite."""
        self.model = unwrapped_model(runner)
        loss = getattr(self.model.head, 'loss_module', None)
        assigner = getattr(loss, 'assigner', None)  # AE has none
        self.listeners = getattr(assigner, 'listeners', Listeners())
        wrapper = runner.optim_wrapper
        scale_loss, step = wrapper.scale_loss, wrapper.optimizer.step

        def watched_scale_loss(loss: Tensor) -> Tensor:
            self.loss = loss.detach()
            return scale_loss(loss)

        @wraps(step)  # keeps the attributes that schedulers set
        def guarded_step(*args, **kwargs):
            sums = {
                name: x.grad.float().sum()
                for name, x in self.model.named_parameters()
                if x.grad is not None
            }
            # This copies to the CPU, so it waits for the GPU.
            total = float(torch.stack([self.loss, *sums.values()]).sum())
            if self.matching or not math.isfinite(total):
                bad = (k for k, x in sums.items() if not math.isfinite(x))
                self.reason = f'first gradient not finite: {next(bad, None)}'
                return None
            return step(*args, **kwargs)

        wrapper.scale_loss = watched_scale_loss
        # Workaround (torch<=2.1): torch.compile disables the step hooks of
        # all optimisers of the process, so replace `step`.
        wrapper.optimizer.step = guarded_step

    def before_train_iter(self, runner: Runner, *args, **kwargs) -> None:
        """Keep the random state, and listen to the assigner."""
        self.random = torch.get_rng_state()
        self.reason, self.matching = '', []
        self.listeners.append(self.matching.append)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict, outputs: dict
    ) -> None:
        """Save the step and raise an error, if it is not finite."""
        # In a validation, without a listener, the assigner itself raises.
        self.listeners.remove(self.matching.append)
        loss = float(outputs['loss'].detach())
        if not self.reason and not self.matching and math.isfinite(loss):
            return
        reason = self.reason or f'the loss is {loss}'
        bad = {k: float(x) for k, x in outputs.items() if not math.isfinite(x)}
        samples = data_batch['data_samples']
        images = {i for costs in self.matching for i in costs.images}
        samples = [samples[i] for i in sorted(images)] or samples
        message = (
            f'Iteration {runner.iter + 1} of the training (epoch '
            f'{runner.epoch + 1}), rank {runner.rank}: {reason}. Losses that '
            f'are not finite (d0 = first decoder layer): {bad or "none"}. '
            f'{"".join(f"{costs} " for costs in self.matching)}Images: '
            f'{", ".join(str(x.get("img_path")) for x in samples)}.'
        )
        folder = Path(runner.work_dir, 'non_finite')
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f'iter_{runner.iter + 1}_rank_{runner.rank}.pth'
        state = dict(random=self.random, weights=self.model.state_dict())
        write_incident(str(path), data_batch, message=message, **state)
        raise NonFiniteError(
            f'{message} The step is saved in {path}; to repeat it, see "NaN '
            'or infinity" in docs/troubleshooting.md. Usual causes: keypoints '
            'that are NaN, a high learning rate, fp16 (use --amp bfloat16).'
        )
