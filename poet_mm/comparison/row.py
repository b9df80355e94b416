"""Train, test and measure one row of a comparison."""

import json
import os.path as osp
from typing import List, Optional, Union

from mmengine.config import Config
from mmengine.dist import barrier, get_world_size
from mmengine.fileio import load
from mmengine.runner import Runner

from ..checkpoints.loading import load_weights
from ..checkpoints.resume import newest_undamaged
from ..engine.hooks.utils import unwrapped_model
from ..errors import UserError
from ..utils.files import write_whole
from ..utils.logs import loss_keys, read_scalars, series
from .cost import count_parameters, measure_pass, peak_memory, time_inference
from .spec import Comparison, Row, set_budget
from .table import coco_metrics

TIMED_IMAGES = 20


def read_result(folder: str) -> Optional[dict]:
    """Read the result of a row; return None if it is not finished."""
    path = osp.join(folder, 'result.json')
    return load(path) if osp.isfile(path) else None


def set_source(cfg: Config, row: Row, source: Union[Config, str]) -> None:
    """Set ``load_from`` to the weights that a row takes.

    Args:
        cfg (Config): Config of the row, changed in place.
        row (Row): Row.
        source (Config | str): Config of the row above that it takes them from,
            model of the zoo, or file.

    Raises:
        UserError: The row above has no result yet.
    """
    if isinstance(source, str):
        cfg.load_from = source
        return
    if read_result(source.work_dir) is None:
        raise UserError(
            f'Row {row.name} takes the weights of row '
            f'{row.start_from or row.checkpoint}, which has no result yet. '
            'Run that row first.'
        )
    cfg.load_from = newest_undamaged(source)


def run_row(comparison: Comparison, row: Row, cfg: Config) -> None:
    """Train unless there is a checkpoint, test, write ``result.json``.

    Args:
        comparison (Comparison): Comparison that the row belongs to.
        row (Row): Row to run.
        cfg (Config): Config of the row, with ``work_dir``, ``launcher``, and
            ``load_from`` of :func:`set_source`.
    """
    init = describe_init(cfg, row)
    if row.checkpoint:
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
    """Return the name of the initial weights, 'random' without any.

    That is a row, a model of the zoo, or the name of a file. A row with a
    checkpoint has None.
    """
    if row.checkpoint:
        return None
    if row.start_from:
        return osp.basename(row.start_from)
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
