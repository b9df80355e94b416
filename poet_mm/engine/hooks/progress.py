"""Show the progress of a training on a terminal."""

import logging
import sys
from contextlib import contextmanager
from typing import Iterator

from mmengine.hooks import Hook
from mmengine.runner import Runner
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn


class ProgressHook(Hook):
    """Show a progress bar with epoch, loss and remaining time."""

    def __init__(self) -> None:
        columns = Progress.get_default_columns()[:2]
        self.bar = Progress(
            *columns,
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            # Seconds, more than most validations: the estimate includes them.
            speed_estimate_period=600,
        )
        self.task = self.bar.add_task('Training', total=None)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch=None, outputs=None
    ) -> None:
        """Move the bar by one step."""
        text = f'epoch {runner.epoch + 1}/{runner.max_epochs}'
        losses = runner.message_hub.log_scalars.get('train/loss')
        if losses is not None:
            text += f', loss {losses.current():.3g}'
        self.bar.update(
            self.task,
            description=text,
            total=runner.max_iters,
            completed=runner.iter + 1,
        )


@contextmanager
def show_progress(runner: Runner) -> Iterator[None]:
    """Show a progress bar if the output is a terminal.

    Log lines appear above the bar. The bar disappears after the training.
    """
    terminal = sys.stderr.isatty() and sys.stdout.isatty()
    if not terminal or runner.rank:
        yield
        return
    hook, stdout = ProgressHook(), sys.stdout
    runner.register_hook(hook, 'VERY_LOW')
    handlers = [
        handler
        for handler in runner.logger.handlers
        if isinstance(handler, logging.StreamHandler)
        and handler.stream is stdout
    ]
    try:
        with hook.bar:
            for handler in handlers:
                # rich has replaced it: lines appear above the bar.
                handler.setStream(sys.stdout)
            yield
    finally:
        for handler in handlers:
            handler.setStream(stdout)
