"""Train, test and measure one row of a comparison."""
import gc
import os
import os.path as osp
import tempfile
import time
from copy import deepcopy
from typing import Optional

import torch
from mmengine.config import Config
from mmengine.dist import broadcast_object_list, get_rank
from mmengine.fileio import load
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ..checkpoints.loading import load_weights
from ..checkpoints.resume import newest_whole
from ..engine.hooks.utils import unwrapped_model
from .row import describe, describe_init, describe_training, resume_latest
from .spec import PROGRESS, Comparison, Row, row_budget, set_budget, write_json
from .table import coco_metrics

PROBE_STEPS = 20  # timed, after those that were loaded ahead
EVERY = 10  # seconds between two lines of progress


def clock(seconds: float) -> str:
    """Write seconds as h:mm:ss."""
    minutes, seconds = divmod(round(seconds), 60)
    return f'{minutes // 60}:{minutes % 60:02d}:{seconds:02d}'


def is_alive(pid: int) -> bool:
    """Return whether a process exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is another user's
        return True
    return True


class ProgressHook(Hook):
    """Say how far the row is, and end it when the comparison has ended.

    Args:
        name (str): Of the row; begins every line.
        rows_left (int): Number of rows that train after this one.
        watch (int, optional): Process of the comparison.
    """

    def __init__(self, name: str, rows_left: int,
                 watch: Optional[int]) -> None:
        self.name, self.rows_left, self.watch = name, rows_left, watch
        self.start = self.said = None

    def before_train(self, runner) -> None:
        """Note from which iteration this run counts."""
        self.first, self.start = runner.iter, time.time()
        self.said = 0.0

    def after_train_iter(self, runner, batch_idx, **kwargs) -> None:
        """Print a line every 10 seconds."""
        if self.watch and not is_alive(self.watch):
            raise SystemExit('The comparison was stopped; so is this row.')
        now = time.time()
        if runner.rank or now - self.said < EVERY:
            return
        self.said = now
        done = runner.iter + 1
        each = (now - self.start) / (done - self.first)
        left = each * (runner.max_iters - done)
        rows = left + self.rows_left * each * runner.max_iters
        print(
            f'{PROGRESS}{self.name}: epoch '
            f'{runner.epoch + 1}/{runner.max_epochs}, {clock(left)} left of '
            f'its training, about {clock(rows)} of all',
            flush=True)


class ProbeHook(Hook):
    """Measure the seconds of a training step, data included."""

    def __init__(self) -> None:
        self.times = []

    def after_train_iter(self, runner, batch_idx, **kwargs) -> None:
        """Note the time."""
        self.times.append(time.perf_counter())

    def seconds(self) -> float:
        """Return the mean of the last steps."""
        times = self.times[-PROBE_STEPS - 1:]
        return (times[-1] - times[0]) / PROBE_STEPS


def epochs_for(cfg: Config, minutes: float) -> int:
    """Return how many epochs fit into the minutes, at least one."""
    cfg, probe = deepcopy(cfg), ProbeHook()
    ahead = 4 + 2 * cfg.train_dataloader.num_workers
    cfg.train_cfg = dict(by_epoch=False, max_iters=ahead + 1 + PROBE_STEPS)
    cfg.param_scheduler = None
    for part in ('cfg', 'dataloader', 'evaluator'):
        cfg[f'val_{part}'] = cfg[f'test_{part}'] = None
    cfg.default_hooks.checkpoint = None
    cfg.visualizer = dict(type='Visualizer', name='probe')  # one per name
    with tempfile.TemporaryDirectory() as cfg.work_dir:
        runner = Runner.from_cfg(cfg)
        runner.register_hook(probe)
        runner.train()
        steps = len(runner.train_dataloader)
    epochs = [max(1, round(60 * minutes / (steps * probe.seconds())))]
    broadcast_object_list(epochs)
    del runner
    gc.collect()
    if torch.cuda.is_available():  # the probe is not part of the row
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    return epochs[0]


def budget_of(comparison: Comparison, row: Row, cfg: Config) -> int:
    """Return the epochs of a row; those for a time are decided once and kept.
    """
    budget = row_budget(comparison, row)
    if 'epochs' in budget:
        return budget['epochs']
    kept = osp.join(cfg.work_dir, 'epochs.json')
    if osp.isfile(kept):
        return load(kept)
    epochs = epochs_for(cfg, budget['minutes'])
    if get_rank() == 0:
        os.makedirs(cfg.work_dir, exist_ok=True)
        write_json(epochs, kept)
    return epochs


def run_row(comparison: Comparison, row: Row, cfg: Config,
            progress: ProgressHook) -> None:
    """Train if need be, test, measure, write ``result.json``.

    Args:
        comparison (Comparison): What the row is of.
        row (Row): What to train.
        cfg (Config): Its config, with ``work_dir`` and ``launcher``.
        progress (ProgressHook): Says how far it is.
    """
    init = describe_init(cfg, row)
    if row.checkpoint:
        cfg.load_from = row.checkpoint
        runner = Runner.from_cfg(cfg)
    else:
        epochs = budget_of(comparison, row, cfg)
        set_budget(cfg, epochs, comparison.val_interval)
        resume_latest(cfg)
        runner = Runner.from_cfg(cfg)
        runner.register_hook(progress, 'LOWEST')
        runner.train()
        # EMAHook has the mean in files only: a test would begin another
        load_weights(unwrapped_model(runner), newest_whole(cfg))
    if runner.rank:
        runner.test()
        return
    trained = dict(
        epochs=row.epochs,
        how=osp.basename(row.checkpoint)) if row.checkpoint else (
            describe_training(runner, cfg, epochs))
    metrics = coco_metrics(runner.test())
    write_json(
        dict(init=init, **trained, **metrics, **describe(runner, cfg)),
        osp.join(cfg.work_dir, 'result.json'))
