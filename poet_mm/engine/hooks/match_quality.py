"""Log per decoder layer whether training finds people and keypoints."""

from mmengine.hooks import Hook, LoggerHook
from mmengine.runner import Runner
from mmpose.registry import HOOKS

from ...models.losses.pose_set_loss import SetLoss
from .loss_totals import Totals, add, match_totals, means, sum_over_ranks
from .utils import poet_head, sigmas_of


@HOOKS.register_module()
class MatchQualityHook(Hook):
    """Log OKS and the number of people found, over the matched pairs.

    - ``oks``: mean OKS between people and their queries, over the supervised
      keypoints. People without one do not count. Needs the areas of people.
    - ``found_per_image``: number of people whose query gives their class a
      probability above 0.5.
    - ``people_per_image``: number of people.

    These names are for the last decoder layer. ``d<i>.oks`` and
    ``d<i>.found_per_image`` are for layer i before it. Each value is the mean
    over the people or images of all ranks since the last record of the log.
    The hook uses the pairs of the loss, and copies values to the CPU only when
    the logger writes a record.
    """

    def __init__(self) -> None:
        self.totals: Totals = {}

    def before_train(self, runner: Runner) -> None:
        """Listen to the loss."""
        loss = poet_head(runner, self).loss_module
        self.sigmas = sigmas_of(runner.train_dataloader)
        loss.listeners.append(self.add_batch)

    def add_batch(self, batch: SetLoss) -> None:
        """Add the quality of a batch that :class:`PoseSetLoss` passes."""
        self.sigmas = self.sigmas.to(batch.matched['logits'].device)
        self.totals = add(self.totals, match_totals(batch, self.sigmas))

    def after_train_iter(
        self, runner: Runner, batch_idx: int, **kwargs
    ) -> None:
        """Pass the means to the logger, which runs next, if it will log."""
        if writes_record(runner, batch_idx):
            for name, value in means(sum_over_ranks(self.totals)).items():
                runner.message_hub.update_scalar(f'train/{name}', value)
            self.totals = {}

    def after_train(self, runner: Runner) -> None:
        """Stop listening."""
        poet_head(runner, self).loss_module.listeners.remove(self.add_batch)


def writes_record(runner: Runner, batch_idx: int) -> bool:
    """Return whether the logger writes a record; True without a logger."""
    loader = runner.train_dataloader
    for hook in runner.hooks:
        if isinstance(hook, LoggerHook):
            last = not hook.ignore_last or len(loader) <= hook.interval
            return hook.every_n_inner_iters(batch_idx, hook.interval) or (
                last and hook.end_of_epoch(loader, batch_idx)
            )
    return True
