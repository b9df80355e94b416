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

    The message names loss terms, costs, decoder layers and images, and a file
    for :func:`replay`. All ranks get the same gradient, so all of them stop.
    Infinite gradients that ``AmpOptimWrapper`` skips are no error.

    Args:
        action (str): Ignored. Configs of older checkpoints set it.
    """

    def __init__(self, action: str = 'stop') -> None:
        self.action = action

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
            grads = [x.grad for x in self.model.parameters()]
            sums = [x.float().sum() for x in grads if x is not None]
            total = float(torch.stack([self.loss, *sums]).sum())  # waits
            if self.matching or not math.isfinite(total):
                self.reason = f'the sum of loss and gradients is {total}'
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
        """Raise if the step was skipped or its loss is not finite."""
        # In a validation, without a listener, the assigner itself raises.
        self.listeners.remove(self.matching.append)
        loss = float(outputs['loss'])
        if self.matching or not math.isfinite(loss):
            self.reason = self.reason or f'the loss is {loss}'
        if self.reason:
            self._stop(runner, data_batch, outputs)

    def _stop(self, runner: Runner, batch: dict, losses: dict) -> None:
        """Write the step to a file, and raise the error."""
        bad = {k: float(x) for k, x in losses.items() if not math.isfinite(x)}
        samples = batch['data_samples']
        images = {i for costs in self.matching for i in costs.images}
        samples = [samples[i] for i in sorted(images)] or samples
        paths = [str(sample.get('img_path')) for sample in samples]
        message = (
            f'Iteration {runner.iter + 1} of epoch {runner.epoch + 1}, rank '
            f'{runner.rank}: {self.reason}. Losses that are not finite (d0 is '
            f'the first decoder layer): {bad or "none"}. '
            f'{"".join(f"{costs} " for costs in self.matching)}'
            f'Images: {", ".join(paths)}.'
        )
        folder = Path(runner.work_dir, 'non_finite')
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f'iter_{runner.iter + 1}_rank_{runner.rank}.pth'
        state = dict(random=self.random, weights=self.model.state_dict())
        write_incident(str(path), batch, message=message, **state)
        raise NonFiniteError(
            f'{message} To repeat this step: {path}. Usual causes: keypoints '
            'that are NaN, a high learning rate, fp16 (use --amp bfloat16).'
        )
