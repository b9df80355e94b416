"""Train, test and measure one row of a comparison."""

import json
import os.path as osp
from typing import List, Optional

from mmengine.config import Config
from mmengine.dist import barrier, get_world_size
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
        barrier()  # rank 0 may still write the last file
        # The file holds EMAHook's averaged weights, the model the raw ones.
        # `runner.test()` would start a new average from the raw ones.
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
    """Return the file name of the initial weights, 'random' without any.

    A row with a checkpoint has None.
    """
    if row.checkpoint:
        return None
    backbone = cfg.model.backbone.get('init_cfg') or {}
    start = cfg.get('load_from') or backbone.get('checkpoint')
    return osp.basename(start) if start else 'random'


def describe_training(runner: Runner, cfg: Config, epochs: int) -> dict:
    """Return the columns of the table that describe the training."""
    steps = epochs * len(runner.train_dataloader)
    records = read_scalars(cfg.work_dir)
    # All steps, those before a resume included; the log has running means.
    seconds = runner.message_hub.get_scalar('train/time').mean()
    batch = cfg.train_dataloader.batch_size * get_world_size()
    return dict(
        epochs=epochs,
        steps=steps,
        images_seen=epochs * len(runner.train_dataloader.dataset),
        batch=batch,
        lr=max(
            group.get('initial_lr', group['lr'])
            for group in runner.optim_wrapper.param_groups
        ),
        minutes=steps * seconds / 60,
        step_ms=1000 * seconds,
        image_ms=1000 * seconds / batch,
        **peak_memory(records),
        curve=read_curve(records, epochs),
        how='trained here',
    )


def read_curve(records: List[dict], epochs: int) -> List[dict]:
    """Return every evaluation during training.

    Args:
        records (list[dict]): Log of the training, from :func:`read_scalars`.
        epochs (int): Epochs of the training.

    Returns:
        list[dict]: ``epoch``, COCO's numbers in percent, and ``losses``: the
        mean over that epoch's records of ``loss`` (the sum of all terms) and
        of the terms of the last decoder layer.
    """
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
        if any(key.endswith('/AP') for key in record)
        and record['step'] <= epochs
    ]


def describe_model(runner: Runner, cfg: Config) -> dict:
    """Return the columns of the table that describe the model."""
    model = unwrapped_model(runner).eval()
    cost = time_inference(model, runner.test_dataloader.dataset, TIMED_IMAGES)
    size = -(-cost['input'] // 32) * 32
    stride, gflops = measure_pass(model, runner.test_dataloader.dataset, size)
    params, trained = count_parameters(model)
    codec = cfg.model.head.get('decoder') or {}
    return dict(
        stride=stride,
        params=params / 1e6,
        trainable_params=trained / 1e6,
        gflops=gflops,
        sigma=codec.get('sigma'),
        flip=bool(model.test_cfg.get('flip_test')),
        **cost,
    )
