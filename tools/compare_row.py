"""Train and evaluate one row of a comparison, and measure what it costs.

``compare_strides.py`` starts this for every row, in a process of its own, so
that a row that fails takes no other with it.
"""
import argparse
import gc
import os
import os.path as osp
import sys
import tempfile
import time
from copy import deepcopy

import torch
from mmengine.config import Config, DictAction
from mmengine.dist import broadcast_object_list, get_rank
from mmengine.fileio import load
from mmengine.hooks import Hook
from mmengine.runner import Runner

from poet_mm.checkpoints.loading import load_weights
from poet_mm.checkpoints.resume import newest_whole
from poet_mm.checkpoints.safe_load import add_trust_argument, safe_loading
from poet_mm.cli import check_pretrained
from poet_mm.comparison.row import (
    describe,
    describe_init,
    describe_training,
    resume_latest,
)
from poet_mm.comparison.spec import (
    PROGRESS,
    Comparison,
    Row,
    read_comparison,
    row_budget,
    row_config,
    row_folder,
    set_budget,
    write_json,
)
from poet_mm.comparison.table import coco_metrics
from poet_mm.engine.hooks.utils import unwrapped_model
from poet_mm.errors import UserError

PROBE_STEPS = 20  # timed, after those that were loaded ahead
EVERY = 10  # seconds between two lines of progress


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('comparison', help='comparison file')
    parser.add_argument('row', help='name of the row')
    parser.add_argument('--work-dir', required=True)
    parser.add_argument('--data-root')
    parser.add_argument('--epochs', type=int)
    parser.add_argument('--minutes', type=float)
    parser.add_argument('--gpus', type=int, default=1)
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    parser.add_argument('--progress', default='', help='said before progress')
    parser.add_argument(
        '--rows-left', type=int, default=0, help='rows that train after this')
    parser.add_argument('--watch', type=int, help='stop if this process ends')
    parser.add_argument(
        '--launcher', choices=['none', 'pytorch'], default='none')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    add_trust_argument(parser)
    return parser.parse_args()


def clock(seconds: float) -> str:
    """Seconds as h:mm:ss."""
    minutes, seconds = divmod(round(seconds), 60)
    return f'{minutes // 60}:{minutes % 60:02d}:{seconds:02d}'


def is_alive(pid: int) -> bool:
    """Whether a process exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is another user's
        return True
    return True


class ProgressHook(Hook):
    """Say how far the row is, and end it when the comparison has ended."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.start = self.said = None

    def before_train(self, runner) -> None:
        """Note from which iteration this run counts."""
        self.first, self.start = runner.iter, time.time()
        self.said = 0.0

    def after_train_iter(self, runner, batch_idx, **kwargs) -> None:
        """Now and then print a line."""
        if self.args.watch and not is_alive(self.args.watch):
            raise SystemExit('The comparison was stopped; so is this row.')
        now = time.time()
        if runner.rank or now - self.said < EVERY:
            return
        self.said = now
        done = runner.iter + 1
        each = (now - self.start) / (done - self.first)
        left = each * (runner.max_iters - done)
        rows = left + self.args.rows_left * each * runner.max_iters
        print(
            f'{PROGRESS}{self.args.progress}: epoch '
            f'{runner.epoch + 1}/{runner.max_epochs}, {clock(left)} left of '
            f'its training, about {clock(rows)} of all',
            flush=True)


class ProbeHook(Hook):
    """Seconds of a training step, data included."""

    def __init__(self) -> None:
        self.times = []

    def after_train_iter(self, runner, batch_idx, **kwargs) -> None:
        """Note the time."""
        self.times.append(time.perf_counter())

    def seconds(self) -> float:
        """Mean of the last steps."""
        times = self.times[-PROBE_STEPS - 1:]
        return (times[-1] - times[0]) / PROBE_STEPS


def epochs_for(cfg: Config, minutes: float) -> int:
    """How many epochs of a row fit into so many minutes, at least one."""
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
    """Epochs of a row; those for a time are decided once and kept."""
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


def run_row(args: argparse.Namespace) -> None:
    """Train if need be, test, measure, write ``result.json``."""
    budget = {
        key: value
        for key, value in dict(
            epochs=args.epochs, minutes=args.minutes).items() if value
    }
    comparison = read_comparison(args.comparison, args.data_root, budget,
                                 args.cfg_options)
    row, = (row for row in comparison.rows if row.name == args.row)
    cfg = row_config(comparison, row)
    cfg.work_dir = row_folder(args.work_dir, comparison, row, cfg, args.gpus)
    cfg.launcher = args.launcher
    init = describe_init(cfg, row)
    if row.checkpoint:
        cfg.load_from = row.checkpoint
        runner = Runner.from_cfg(cfg)
    else:
        check_pretrained(cfg)
        epochs = budget_of(comparison, row, cfg)
        set_budget(cfg, epochs, comparison.val_interval)
        resume_latest(cfg)
        runner = Runner.from_cfg(cfg)
        runner.register_hook(ProgressHook(args), 'LOWEST')
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


if __name__ == '__main__':
    arguments = parse_args()
    os.environ.setdefault('LOCAL_RANK', str(arguments.local_rank))
    try:
        with safe_loading(arguments.trust_pickle):
            run_row(arguments)
    except UserError as error:
        sys.exit(f'UserError: {error}')
