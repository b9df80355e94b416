"""Train, test and measure one row of a comparison."""

import json
import os.path as osp
from typing import List, Optional

from mmengine.config import Config
from mmengine.dist import get_world_size
from mmengine.runner import Runner

from ..checkpoints.loading import load_weights
from ..checkpoints.resume import newest_undamaged
from ..engine.hooks.utils import unwrapped_model
from ..utils.files import write_whole
from ..utils.logs import loss_keys, read_scalars, series
from .cost import count_parameters, measure_pass, peak_memory, time_inference
from .spec import Comparison, Row, set_budget
from .table import coco_metrics

TIMED_IMAGES = 20


def run_row(comparison: Comparison, row: Row, cfg: Config) -> None:
    """Train unless there is a checkpoint, test, write ``result.json``.

    Args:
        comparison (Comparison): Comparison that the row belongs to.
        row (Row): Row to run.
        cfg (Config): Config of the row, with ``work_dir`` and ``launcher``.
    """
    init = describe_init(cfg, row)
    if row.checkpoint:
        cfg.load_from = row.checkpoint
        runner = Runner.from_cfg(cfg)
    else:
        set_budget(cfg, row.epochs, comparison.val_interval)
        latest = newest_undamaged(cfg)
        if latest is not None:  # else load_from is where the row starts
            cfg.load_from, cfg.resume = latest, True
        runner = Runner.from_cfg(cfg)
        runner.train()
        # EMAHook keeps the mean weights in files only, and a test would
        # start another mean.
        load_weights(unwrapped_model(runner), newest_undamaged(cfg))
    if runner.rank:
        runner.test()
        return
    if row.checkpoint:
        trained = dict(epochs=row.epochs, how=osp.basename(row.checkpoint))
    else:
        trained = describe_training(runner, cfg, row.epochs)
    metrics = coco_metrics(runner.test())
    result = dict(
        init=init, **trained, **metrics, **describe_model(runner, cfg)
    )
    write_whole(
        json.dumps(result, indent=1).encode(),
        osp.join(cfg.work_dir, 'result.json'),
    )


def describe_init(cfg: Config, row: Row) -> Optional[str]:
    """Return the file of the initial weights, or the row's own words."""
    if row.init or row.checkpoint:
        return row.init
    backbone = cfg.model.backbone.get('init_cfg') or {}
    start = cfg.get('load_from') or backbone.get('checkpoint')
    return osp.basename(start) if start else 'random'


def training_minutes(work_dir: str, steps: int) -> float:
    """Return the minutes of all training steps.

    The log has the mean seconds of the steps since its last record. Steps
    after the last record count as much as those before it.
    """
    total, logged, seconds = 0.0, 0, 0.0
    for record in read_scalars(work_dir):
        if 'loss' in record:
            seconds = record['time']
            total += seconds * (record['step'] - logged)
            logged = record['step']
    return (total + seconds * (steps - logged)) / 60


def describe_training(runner: Runner, cfg: Config, epochs: int) -> dict:
    """Return the columns of the table that describe the training."""
    steps = epochs * len(runner.train_dataloader)
    minutes = training_minutes(cfg.work_dir, steps)
    return dict(
        epochs=epochs,
        images_seen=epochs * len(runner.train_dataloader.dataset),
        batch=cfg.train_dataloader.batch_size * get_world_size(),
        lr=max(
            group.get('initial_lr', group['lr'])
            for group in runner.optim_wrapper.param_groups
        ),
        minutes=minutes,
        step_ms=6e4 * minutes / steps,
        **peak_memory(),
        curve=read_curve(cfg.work_dir, epochs),
        how='trained here',
    )


def read_curve(work_dir: str, epochs: int) -> List[dict]:
    """Read every evaluation during training from the log.

    Returns:
        list[dict]: ``epoch``, COCO's numbers in percent, and ``losses``: the
        mean in that epoch of ``loss`` (the sum of all terms) and of the terms
        of the last decoder layer.
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


def describe_model(runner: Runner, cfg: Config) -> dict:
    """Return the columns of the table that describe the model."""
    model = unwrapped_model(runner).eval()
    cost = time_inference(model, runner.test_dataloader.dataset, TIMED_IMAGES)
    size = -(-cost['input'] // 32) * 32
    stride, gflops = measure_pass(model, size)
    passes = 2 if model.test_cfg.get('flip_test') else 1
    params, trained = count_parameters(model)
    codec = cfg.model.head.get('decoder') or {}
    return dict(
        stride=stride,
        params=params / 1e6,
        trainable_params=trained / 1e6,
        gflops=passes * gflops,
        sigma=codec.get('sigma'),
        flip=passes == 2,
        **cost,
    )
