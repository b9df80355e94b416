"""A comparison: rows of configs, each trained with the same budget.

A comparison file is a config with

- ``rows``: list of dicts, see :data:`ROW_KEYS`;
- ``budget``: ``dict(epochs=E)``, for all rows that have neither a checkpoint
  nor epochs of their own;
- ``data_root``: folder in COCO's layout;
- ``options`` (optional): changes to the configs of all rows;
- ``val_interval`` (optional): epochs between evaluations on the way, from
  which ``convergence.png`` is drawn; by default there are none;
- ``title`` (optional): said above the table.
"""

import hashlib
import json
import os.path as osp
import re
from dataclasses import dataclass, field
from typing import List, Optional

from mmengine.config import Config

from ..errors import UserError
from ..utils.config import pretrained_files, set_data_root, walk

# What a row may say; config is needed, the rest has defaults.
ROW_KEYS = dict(
    config='config file, relative to the comparison file',
    name='unique name of the row; by default that of the config',
    method='label of the line in the figure; by default POET or AE',
    backbone='label of the backbone',
    checkpoint='evaluate this file, train nothing',
    epochs='epochs of this row in place of the budget; with a checkpoint, '
    'those that it was trained for',
    seed='random seed, 0 by default',
    init='what the weights started from, in words',
    options='changes to the config, as in --cfg-options',
)


@dataclass
class Row:
    """One row of the table; fields as in :data:`ROW_KEYS`."""

    config: str
    name: str
    method: str
    backbone: str = ''
    checkpoint: Optional[str] = None
    epochs: Optional[int] = None
    seed: int = 0
    init: Optional[str] = None
    options: dict = field(default_factory=dict)


@dataclass
class Comparison:
    """What a comparison file says."""

    path: str
    title: str
    rows: List[Row]
    data_root: str
    options: dict
    val_interval: Optional[int] = None


def read_row(values: dict, folder: str) -> Row:
    """Check one row of a comparison file in a folder."""
    unknown = sorted(set(values) - set(ROW_KEYS))
    if unknown or 'config' not in values:
        what = f'has unknown keys {unknown}' if unknown else 'has no config'
        raise UserError(
            f'A row {what}: {dict(values)}. A row may have '
            f'{", ".join(ROW_KEYS)}.'
        )
    values = dict(values)
    path = osp.normpath(osp.join(folder, values['config']))
    if not osp.isfile(path):
        raise UserError(f'There is no config {path}, named in a row.')
    stem = osp.splitext(osp.basename(path))[0]
    checkpoint = values.get('checkpoint')
    if checkpoint and '://' not in checkpoint and not osp.isfile(checkpoint):
        raise UserError(
            f'There is no checkpoint {checkpoint}, named in the '
            f'row of {values["config"]}.'
        )
    method = 'AE' if stem.startswith('ae') else 'POET'
    return Row(**{'name': stem, 'method': method, **values, 'config': path})


def check_budget(budget: dict) -> int:
    """Return the epochs of a budget, or raise a UserError."""
    epochs = budget.get('epochs')
    if set(budget) != {'epochs'} or not isinstance(epochs, int) or epochs < 1:
        raise UserError(
            f'The budget is {dict(budget)}, expected '
            'dict(epochs=E), a whole number, 1 or more.'
        )
    return epochs


def check_interval(val_interval: Optional[int]) -> Optional[int]:
    """Raise a UserError unless it is a whole number of epochs, or None."""
    if val_interval is not None and (
        not isinstance(val_interval, int) or val_interval < 1
    ):
        raise UserError(
            f'val_interval is {val_interval!r}, expected a whole '
            'number of epochs, 1 or more, or none.'
        )
    return val_interval


def read_comparison(
    path: str,
    data_root: Optional[str] = None,
    epochs: Optional[int] = None,
    options: Optional[dict] = None,
) -> Comparison:
    """Read a comparison file.

    Args:
        path (str): Comparison file.
        data_root (str, optional): Replaces that of the file.
        epochs (int, optional): Replaces the budget of the file and the epochs
            of rows without a checkpoint.
        options (dict, optional): Added to those of the file.

    Raises:
        UserError: A file is missing, a key is unknown, or the budget is not
            one.
    """
    if not osp.isfile(path):
        raise UserError(f'There is no comparison file {path}.')
    cfg = Config.fromfile(path)
    rows = [read_row(row, osp.dirname(path)) for row in cfg.get('rows', [])]
    budget = check_budget(
        cfg.get('budget', {}) if epochs is None else dict(epochs=epochs)
    )
    for row in rows:
        if not row.checkpoint:
            row.epochs = epochs or row.epochs or budget
    data_root = data_root or cfg.get('data_root')
    if not data_root:
        raise UserError(f'{path} has no data_root; give --data-root.')
    names = [row.name for row in rows]
    twice = sorted({name for name in names if names.count(name) > 1})
    if not rows or twice:
        raise UserError(
            f'{path} has '
            + (
                f'several rows named {twice}; give each a name.'
                if twice
                else 'no rows.'
            )
        )
    return Comparison(
        path=path,
        title=cfg.get('title', osp.splitext(osp.basename(path))[0]),
        rows=rows,
        data_root=data_root,
        options={**cfg.get('options', {}), **(options or {})},
        val_interval=check_interval(cfg.get('val_interval')),
    )


def row_config(comparison: Comparison, row: Row) -> Config:
    """Return the config of a row with data, options and seed."""
    cfg = Config.fromfile(row.config)
    set_data_root(cfg, comparison.data_root)
    cfg.merge_from_dict({**comparison.options, **row.options})
    cfg.randomness = dict(seed=row.seed)
    for part in ('cfg', 'dataloader', 'evaluator'):
        cfg[f'val_{part}'] = (
            cfg[f'test_{part}'] if comparison.val_interval else None
        )
    return cfg


def check_files(cfg: Config, row: Row) -> None:
    """Raise a UserError unless annotations, images and weights are there."""
    wanted = []
    for name in ('train_dataloader', 'test_dataloader'):
        for node in walk(cfg[name]):
            if node.get('ann_file'):
                root = node.get('data_root', '')
                wanted += [
                    osp.join(root, path)
                    for path in (
                        node['ann_file'],
                        *node.get('data_prefix', {}).values(),
                    )
                ]
    wanted += [path for path in pretrained_files(cfg) if '://' not in path]
    if cfg.get('load_from'):
        wanted.append(cfg.load_from)
    for path in wanted:
        if '://' not in path and not osp.exists(path):
            raise UserError(f'There is no {path}, which row {row.name} needs.')


def row_folder(
    work_dir: str, comparison: Comparison, row: Row, cfg: Config, gpus: int
) -> str:
    """Return the folder of a row. A change of config, epochs or number of GPUs
    changes its name, so that no old result passes for a new one.
    """
    content = json.dumps(
        [
            cfg.to_dict(),
            row.checkpoint,
            row.epochs,
            comparison.val_interval,
            gpus,
        ],
        sort_keys=True,
        default=str,
    )
    digest = hashlib.sha1(content.encode()).hexdigest()[:8]
    name = re.sub(r'[^\w.-]', '_', row.name)
    return osp.join(work_dir, 'rows', f'{name}-{digest}')


def set_budget(
    cfg: Config, epochs: int, val_interval: Optional[int] = None
) -> None:
    """Set the epochs of a training and stretch its schedule to fit, with
    evaluations every ``val_interval`` epochs, if any.

    Milestones, ends and periods counted in epochs keep their share of the
    training; what is counted in iterations (warm-up) stays.
    """
    stretch = epochs / cfg.train_cfg.max_epochs
    cfg.train_cfg.max_epochs = epochs
    cfg.train_cfg.val_interval = val_interval or epochs
    for scheduler in cfg.get('param_scheduler') or []:
        if not scheduler.get('by_epoch', True):
            continue
        for key in ('begin', 'end', 'T_max', 'milestones'):
            if key in scheduler:
                old = scheduler[key]
                scheduler[key] = (
                    [max(1, round(step * stretch)) for step in old]
                    if key == 'milestones'
                    else round(old * stretch)
                )
    cfg.default_hooks.checkpoint.update(
        interval=max(1, min(5, epochs // 10)), max_keep_ckpts=2, save_best=None
    )
