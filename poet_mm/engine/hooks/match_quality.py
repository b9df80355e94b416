"""Whether training learns to find people and joints, layer by layer."""

from typing import Optional

import torch
from mmengine.hooks import Hook, LoggerHook
from mmengine.runner import Runner
from mmpose.registry import HOOKS

from ...models.losses.pose_set_loss import SetLoss
from .loss_totals import Totals, add, match_quality, means, sum_over_ranks
from .utils import poet_head


@HOOKS.register_module()
class MatchQualityHook(Hook):
    """Log how good the pairs are that the loss has matched.

    - ``oks``: mean OKS of people and their queries, over the supervised
      joints, of people who have one. Needs the areas of people.
    - ``found_per_image``: number of people found in an image: those whose
      query gives their class more than half of the probability.
    - ``people_per_image``: how many there are.

    Of the last decoder layer; ``d<i>.oks`` and ``d<i>.found_per_image`` of
    those before it. Each is the mean over the people or images of all ranks
    since the last record of the log. Nothing is matched again, and nothing
    leaves the device between two records.
    """

    def __init__(self) -> None:
        self.totals: Totals = {}
        self.sigmas: Optional[torch.Tensor] = None

    def before_train(self, runner: Runner) -> None:
        """Listen to the loss."""
        head = poet_head(runner, self)
        sigmas = runner.train_dataloader.dataset.metainfo['sigmas']
        self.sigmas = torch.as_tensor(sigmas, dtype=torch.float32)
        head.loss_module.listeners.append(self.watch)

    def watch(self, batch: SetLoss) -> None:
        """Add up what :class:`PoseSetLoss` tells of a training step."""
        self.sigmas = self.sigmas.to(batch.matched['logits'].device)
        self.totals = add(self.totals, match_quality(batch, self.sigmas))

    def after_train_iter(
        self, runner: Runner, batch_idx: int, **kwargs
    ) -> None:
        """Hand over to the logger, which comes after this hook, when it is
        about to log.
        """
        at_end = self.end_of_epoch(runner.train_dataloader, batch_idx)
        if at_end or self.every_n_inner_iters(batch_idx, log_interval(runner)):
            for name, value in means(sum_over_ranks(self.totals)).items():
                runner.message_hub.update_scalar(f'train/{name}', value)
            self.totals = {}

    def after_train(self, runner: Runner) -> None:
        """Stop listening."""
        poet_head(runner, self).loss_module.listeners.remove(self.watch)


def log_interval(runner: Runner) -> int:
    """Iterations between two records of the log; 1 without a logger."""
    loggers = [hook for hook in runner.hooks if isinstance(hook, LoggerHook)]
    return loggers[0].interval if loggers else 1
