"""NaN and infinity in training: said where, kept, and kept from the weights.

Nothing is moved to the host for this that is not there anyway: the costs of
the matching, the norm of the gradient that is clipped, the loss of the log.
"""
import logging
import math
import os
import os.path as osp
from functools import wraps
from typing import Callable, Dict, List, Optional

import torch
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from mmpose.registry import HOOKS
from torch import Tensor, nn
from torch.optim import Optimizer

from ...errors import NonFiniteError
from ...models.assigners.hungarian import BadCosts
from ...models.listeners import Listeners
from .incident import Incident, name_images, write_incident
from .utils import unwrapped_model

ACTIONS = ('stop', 'skip')
MOST_SKIPPED = 10  # steps in a row
MOST_SAVED = 2  # files; each holds the weights
NAMED = 5  # parameters
HINT = ('Usual causes: joints that are not numbers in the annotations, a '
        'learning rate too high, overflow in fp16 (use --amp bfloat16 or '
        'none).')


@HOOKS.register_module()
class NonFiniteHook(Hook):
    """Stop, or skip the step, when matching, loss or gradient is not finite.

    The message names the loss terms by decoder layer (``d0.loss_keypoints``),
    the terms of the matching cost, the images and the first parameters with
    such a gradient. The batch, the weights before the step and the random
    state go to ``WORK_DIR/non_finite/``, at most twice in a run; see
    :func:`read_incident`. Weights and optimiser never take part in such a
    step. All ranks look at the norm of the same gradient and decide alike.

    With ``AmpOptimWrapper`` an infinite gradient is how the scale of the loss
    is found, and only a loss that is not finite counts.

    Args:
        action (str): 'stop' raises a NonFiniteError; 'skip' goes on, and
            stops after 10 steps in a row. Defaults to 'stop'.
    """

    def __init__(self, action: str = 'stop') -> None:
        if action not in ACTIONS:
            raise ValueError(f'NonFiniteHook got action={action!r}, allowed '
                             f'are {ACTIONS}.')
        self.action = action
        self.num_saved = self.num_skipped = 0
        self.handles: list = []

    def before_train(self, runner: Runner) -> None:
        """Begin to watch model and optimiser."""
        if not isinstance(runner.optim_wrapper, OptimWrapper):
            raise TypeError(
                'NonFiniteHook watches one optimiser, got '
                f'{type(runner.optim_wrapper).__name__}: take the hook out of '
                'custom_hooks.')
        self.runner = runner
        self.model = unwrapped_model(runner)
        loss = getattr(self.model.head, 'loss_module', None)
        assigner = getattr(loss, 'assigner', None)  # AE has none
        self.listeners = getattr(assigner, 'listeners', Listeners())
        self.handle = self.model.register_forward_hook(self._keep_losses)
        optimizer = runner.optim_wrapper.optimizer
        self.step = optimizer.step
        optimizer.step = self._guarded(optimizer)

    def after_train(self, runner: Runner) -> None:
        """Leave them as they were."""
        self.handle.remove()
        runner.optim_wrapper.optimizer.step = self.step

    # Workaround (torch<=2.1): torch.compile switches off the hooks that
    # optimisers have for this, of all optimisers of the process.
    def _guarded(self, optimizer: Optimizer) -> Callable:
        step = optimizer.step

        @wraps(step)  # keeps what schedulers note at it
        def guarded_step(*args, **kwargs):
            self._before_step(optimizer)
            return step(*args, **kwargs)

        return guarded_step

    def before_train_iter(self,
                          runner: Runner,
                          batch_idx: int,
                          data_batch: Optional[dict] = None) -> None:
        """Keep what the step begins with."""
        self.batch = data_batch
        self.random = torch.get_rng_state()
        self.losses: Dict[str, Tensor] = {}
        self.matching: List[BadCosts] = []
        self.reported = False
        self.listeners.append(self.matching.append)

    def after_train_iter(self,
                         runner: Runner,
                         batch_idx: int,
                         data_batch: Optional[dict] = None,
                         outputs: Optional[dict] = None) -> None:
        """Look at what did not reach the optimiser: it was left out by a loss
        scaler, or gradients are accumulated."""
        # validation, which has no step to stop, gets the exception
        self.listeners.remove(self.matching.append)
        # RuntimeInfoHook has put it there, as a number
        loss = runner.message_hub.get_scalar('train/loss').current()
        if not self.reported and (self.matching or not math.isfinite(loss)):
            self._report(f'the loss is {loss}')
        self.batch = None

    def _keep_losses(self, model: nn.Module, args: tuple, outputs) -> None:
        if model.training and isinstance(outputs, dict):
            self.losses = outputs

    def _before_step(self, optimizer: Optimizer) -> None:
        norm = gradient_norm(self.runner.optim_wrapper)
        if math.isfinite(norm):
            self.num_skipped = 0
            return
        if not self.reported:
            self._report(f'the gradient has the norm {norm}')
        self.num_skipped += 1
        if self.num_skipped >= MOST_SKIPPED:
            raise NonFiniteError(
                f'{MOST_SKIPPED} steps in a row were skipped: neither the '
                'weights nor the next batches are better. ' + HINT)
        # without gradients the optimiser changes nothing, not even its state
        optimizer.zero_grad(set_to_none=True)

    def _report(self, what: str) -> None:
        self.reported = True
        message = self._describe(what)
        if self.action == 'stop':
            raise NonFiniteError(message)
        self.runner.logger.log(logging.WARNING, message)

    def _describe(self, what: str) -> str:
        runner = self.runner
        samples = self.batch['data_samples']
        losses = [
            f'{name} is {value.item()}' for name, value in self.losses.items()
            if isinstance(value, Tensor) and not value.isfinite().all()
        ]
        bad = {i for costs in self.matching for i in costs.images}
        images = name_images([samples[i] for i in sorted(bad)] or samples)
        parts = [
            f'Iteration {runner.iter + 1} of epoch {runner.epoch + 1}, rank '
            f'{runner.rank}: {what}.',
            f'Losses (d0 is the first decoder layer): {"; ".join(losses)}.'
            if losses else 'The losses of this rank are finite.',
            *map(str, self.matching), f'Images: {", ".join(images)}.'
        ]
        names = [name for name, parameter in self.model.named_parameters()
                 if not parameter.isfinite().all()][:NAMED]
        if names:
            parts.append('Weights were NaN or infinite before this step: '
                         f'first of {", ".join(names)}.')
        names = parameters_with_bad_gradient(self.model)
        if names:
            parts.append(f'Gradients: first of {", ".join(names)}.')
        if losses or self.matching or not runner.rank:
            parts.append(self._save(' '.join(parts)))
        return ' '.join([*parts, HINT])

    def _save(self, message: str) -> str:
        runner = self.runner
        if self.num_saved == MOST_SAVED:
            return 'Not saved: earlier ones are.'
        self.num_saved += 1
        path = osp.join(runner.work_dir, 'non_finite',
                        f'iter_{runner.iter + 1}_rank_{runner.rank}.pth')
        os.makedirs(osp.dirname(path), exist_ok=True)
        weights = self.model.state_dict()
        write_incident(
            Incident(self.batch, self.random, weights, message), path)
        return f'To repeat this step: {path}.'


def gradient_norm(optim_wrapper: OptimWrapper) -> float:
    """Of this step: the one that was clipped, which the log has; else it is
    computed, and waits for the device."""
    if optim_wrapper.clip_grad_kwargs and (
            optim_wrapper.grad_name == 'grad_norm'):
        return optim_wrapper.message_hub.get_scalar(
            'train/grad_norm').current()
    parameters = [
        parameter for group in optim_wrapper.param_groups
        for parameter in group['params']
    ]
    return float(nn.utils.clip_grad_norm_(parameters, math.inf))


def parameters_with_bad_gradient(model: nn.Module) -> List[str]:
    """The first few, if they are not all: clipping by a norm of NaN spoils
    every gradient, by an infinite one those that are infinite."""
    finite = {
        name: bool(parameter.grad.isfinite().all())
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }
    if not any(finite.values()):
        return []
    return [name for name in finite if not finite[name]][:NAMED]
