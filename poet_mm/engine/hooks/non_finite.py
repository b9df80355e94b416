"""Stop training at NaN or infinity, before it reaches the weights."""

import logging
import math
from functools import wraps
from pathlib import Path

import torch
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from mmpose.registry import HOOKS

from ...errors import NonFiniteError
from ...models.listeners import Listeners
from .incident import write_incident
from .utils import unwrapped_model


@HOOKS.register_module()
class NonFiniteHook(Hook):
    """Raise a NonFiniteError at a cost, loss or gradient that is not finite.

    The message names terms, decoder layers, images, and a file for ``replay``.
    With ``AmpOptimWrapper`` an infinite gradient is how the scale of the loss
    is found, and does not count. All ranks see the same gradient and stop.
    """

    def __init__(self, action: str = 'stop') -> None:
        if action != 'stop':  # in configs of older checkpoints
            print_log(
                f'NonFiniteHook stops: action={action!r} is ignored.',
                'current',
                logging.WARNING,
            )

    def before_train(self, runner: Runner) -> None:
        """Watch model and optimiser."""
        self.model = unwrapped_model(runner)
        loss = getattr(self.model.head, 'loss_module', None)
        assigner = getattr(loss, 'assigner', None)  # AE has none
        self.listeners = getattr(assigner, 'listeners', Listeners())
        self.handle = self.model.register_forward_hook(self._keep_losses)
        # Workaround (torch<=2.1): torch.compile switches off the hooks that
        # optimisers have for this, of all optimisers of the process.
        wrapper, hub = runner.optim_wrapper, runner.message_hub
        clipped = wrapper.clip_grad_kwargs and wrapper.grad_name == 'grad_norm'
        self.step = step = wrapper.optimizer.step

        @wraps(step)  # keeps what schedulers note at it
        def guarded_step(*args, **kwargs):
            size = (
                hub.get_scalar('train/grad_norm').current()
                if clipped
                else sum(
                    x.grad.sum()
                    for x in self.model.parameters()
                    if x.grad is not None
                )
            )  # waits for the device
            if self.matching or not math.isfinite(size):
                self._stop(runner, f'the norm or sum of gradients is {size}')
            return step(*args, **kwargs)

        wrapper.optimizer.step = guarded_step

    def after_train(self, runner: Runner) -> None:
        """Leave model and optimiser as they were."""
        self.handle.remove()
        runner.optim_wrapper.optimizer.step = self.step

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict
    ) -> None:
        """Keep what the step begins with."""
        self.batch, self.random = data_batch, torch.get_rng_state()
        self.losses, self.matching = {}, []
        self.listeners.append(self.matching.append)

    def after_train_iter(self, runner: Runner, *_, **__) -> None:
        """Check what accumulation or a loss scaler kept from the optimiser."""
        # validation, which has no step to stop, gets the exception
        self.listeners.remove(self.matching.append)
        loss = runner.message_hub.get_scalar('train/loss').current()
        if self.matching or not math.isfinite(loss):
            self._stop(runner, f'the loss is {loss}')

    def _keep_losses(self, model, args: tuple, outputs) -> None:
        if model.training and isinstance(outputs, dict):
            self.losses = outputs

    def _stop(self, runner: Runner, what: str) -> None:
        losses = [
            f'{name} is {value.item()}'
            for name, value in self.losses.items()
            if torch.is_tensor(value) and not value.isfinite().all()
        ]
        samples = self.batch['data_samples']
        bad = {i for costs in self.matching for i in costs.images}
        images = [
            f'{sample.get("img_id")} ({sample.get("img_path")})'
            for sample in [samples[i] for i in sorted(bad)] or samples
        ]
        finite = {
            name: bool(weight.grad.isfinite().all())
            for name, weight in self.model.named_parameters()
            if weight.grad is not None
        }
        spoilt = not any(finite.values())  # clipped by a norm of NaN
        names = [x for x in finite if not finite[x] and not spoilt]
        message = ' '.join(
            [
                f'Iteration {runner.iter + 1} of epoch {runner.epoch + 1}, rank '
                f'{runner.rank}: {what}. Losses that are not finite (d0 is the '
                f'first decoder layer): {"; ".join(losses) or "none"}.',
                *map(str, self.matching),
                f'Images: {", ".join(images)}.',
                f'Gradients: first of {", ".join(names[:5])}.'
                if names
                else '',
            ]
        )
        folder = Path(runner.work_dir, 'non_finite')
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f'iter_{runner.iter + 1}_rank_{runner.rank}.pth'
        write_incident(
            path,
            self.batch,
            random=self.random,
            message=message,
            weights=self.model.state_dict(),
        )
        raise NonFiniteError(
            f'{message} To repeat this step: {path}. Usual causes: keypoints '
            'that are NaN, a high learning rate, fp16 (take --amp bfloat16).'
        )
