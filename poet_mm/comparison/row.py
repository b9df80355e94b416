"""Train and test one row of a comparison, and describe it: what it started
from, how it was trained, what it costs.
"""

import json
import os.path as osp
from typing import List

from mmengine.config import Config
from mmengine.dist import get_world_size
from mmengine.runner import Runner

from ..checkpoints.loading import load_weights
from ..checkpoints.resume import newest_whole
from ..engine.hooks.utils import unwrapped_model
from ..utils.files import write_whole
from ..utils.logs import loss_keys, read_scalars, series
from .cost import (
    count_gflops,
    count_parameters,
    feature_stride,
    peak_memory,
    time_inference,
)
from .spec import Comparison, Row, set_budget
from .table import coco_metrics

TIMED_IMAGES = 20


def run_row(comparison: Comparison, row: Row, cfg: Config) -> None:
    """Train if need be, test, measure, write ``result.json``.

    Args:
        comparison (Comparison): What the row is of.
        row (Row): What to train.
        cfg (Config): Its config, with ``work_dir`` and ``launcher``.
    """
    init = describe_init(cfg, row)
    if row.checkpoint:
        cfg.load_from = row.checkpoint
        runner = Runner.from_cfg(cfg)
    else:
        set_budget(cfg, row.epochs, comparison.val_interval)
        resume_latest(cfg)
        runner = Runner.from_cfg(cfg)
        runner.train()
        # EMAHook has the mean in files only: a test would begin another
        load_weights(unwrapped_model(runner), newest_whole(cfg))
    if runner.rank:
        runner.test()
        return
    trained = (
        dict(epochs=row.epochs, how=osp.basename(row.checkpoint))
        if row.checkpoint
        else (describe_training(runner, cfg, row.epochs))
    )
    metrics = coco_metrics(runner.test())
    result = dict(init=init, **trained, **metrics, **describe(runner, cfg))
    write_whole(
        json.dumps(result, indent=1).encode(),
        osp.join(cfg.work_dir, 'result.json'),
    )


def describe_init(cfg: Config, row: Row) -> str:
    """Say what the weights started from."""
    if row.init or row.checkpoint:
        return row.init
    backbone = cfg.model.backbone.get('init_cfg') or {}
    start = cfg.get('load_from') or backbone.get('checkpoint')
    return osp.basename(start) if start else 'random'


def resume_latest(cfg: Config) -> None:
    """Resume the row's own latest checkpoint. ``load_from`` of the config is
    what a row starts from, not what it resumes.
    """
    latest = newest_whole(cfg)
    if latest is not None:
        cfg.load_from, cfg.resume = latest, True


def training_minutes(work_dir: str, steps: int) -> float:
    """Return the minutes of all training steps, from the log of some."""
    total, last = 0.0, 0
    for record in read_scalars(work_dir):
        if 'loss' in record:
            total += record['time'] * (record['step'] - last)
            last, time_of_last = record['step'], record['time']
    return (total + time_of_last * (steps - last)) / 60


def describe_training(runner: Runner, cfg: Config, epochs: int) -> dict:
    """Return the columns of the table that the training gives."""
    steps = epochs * len(runner.train_dataloader)
    lr = max(
        group.get('initial_lr', group['lr'])
        for group in runner.optim_wrapper.param_groups
    )
    memory, memory_kind = peak_memory()
    minutes = training_minutes(cfg.work_dir, steps)
    return dict(
        epochs=epochs,
        images_seen=epochs * len(runner.train_dataloader.dataset),
        batch=cfg.train_dataloader.batch_size * get_world_size(),
        lr=lr,
        minutes=minutes,
        step_ms=6e4 * minutes / steps,
        memory_mb=memory,
        memory_kind=memory_kind,
        curve=convergence(cfg.work_dir, epochs),
        how='trained here',
    )


def convergence(work_dir: str, epochs: int) -> List[dict]:
    """Return of every evaluation on the way ``epoch``, COCO's numbers in
    percent, and ``losses``, means of what training logged in that epoch:
    ``loss``, of everything, and the terms of the last layer.
    """
    records = read_scalars(work_dir)
    losses = {
        key: dict(zip(*series(records, key))) for key in loss_keys(records)
    }
    return [
        dict(
            epoch=int(record['step']),
            **coco_metrics(record),
            losses={
                key: values[record['step']]
                for key, values in losses.items()
                if record['step'] in values
            },
        )
        for record in records
        if 'coco/AP' in record and record['step'] <= epochs
    ]


def describe(runner: Runner, cfg: Config) -> dict:
    """Return the columns of the table that the model gives."""
    model = unwrapped_model(runner)
    cost = time_inference(model, runner.test_dataloader.dataset, TIMED_IMAGES)
    size = -(-cost['input'] // 32) * 32
    passes = 2 if model.test_cfg.get('flip_test') else 1
    params, trained = count_parameters(model)
    codec = cfg.model.head.get('decoder') or {}
    return dict(
        stride=feature_stride(model, size),
        params=params / 1e6,
        trainable_params=trained / 1e6,
        gflops=passes * count_gflops(model, size),
        sigma=codec.get('sigma'),
        flip=passes == 2,
        **cost,
    )
