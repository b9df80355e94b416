"""Read a comparison: rows of configs, trained for the same number of epochs.

A comparison file is a config with

- ``rows``: list of dicts with the fields of :class:`Row`;
- ``budget``: ``dict(epochs=E)``, for all rows that have neither a checkpoint
  nor epochs of their own;
- ``data_root``: folder in COCO's layout;
- ``options`` (optional): changes to the configs of all rows;
- ``val_interval`` (optional): epochs between evaluations during training,
  from which ``convergence.png`` is drawn. By default there are none.
- ``ap_after`` (optional): numbers of steps, whose AP from these evaluations
  are further columns of the table.
- ``notes`` (optional): sentences below the table.
- ``title`` (optional): heading of the table.
- ``x_label`` (optional): the figure is over ``x`` of the rows instead of their
  stride, such as a number of images, and its axis has this label.
"""

import hashlib
import json
import os.path as osp
import re
from dataclasses import dataclass, field, fields
from typing import List, Optional, Sequence, Union

from mmengine.config import Config

from ..checkpoints.zoo import is_model
from ..errors import UserError
from ..utils.config import (
    pretrained_files,
    read_config,
    set_data_root,
    spread_metainfo,
    walk,
)

BATCH = 'train_dataloader.batch_size'


@dataclass
class Row:
    """Describe one row of the table.

    Args:
        config (str): Config file, relative to the comparison file.
        name (str): Unique name. Defaults to that of the config.
        method (str): Label of the line in the figure. Defaults to POET or AE.
        backbone (str): Label of the backbone.
        start_from (str, optional): Weights to start the training from: name
            of a row above, model of the zoo, or file.
        checkpoint (str, optional): As ``start_from``, to evaluate; nothing is
            trained.
        epochs (int, optional): Epochs of this row instead of the budget; with
            a checkpoint, those that it was trained for.
        batch (int, optional): Images of a step, which GPUs share as equally as
            whole numbers allow. Defaults to the batch size of the config on
            each GPU.
        seed (int): Random seed.
        options (dict): Changes to the config, as in ``--cfg-options``.
        x (float, optional): Place in a figure with an ``x_label``, above 0.
    """

    config: str
    name: str
    method: str
    backbone: str = ''
    start_from: Optional[str] = None
    checkpoint: Optional[str] = None
    epochs: Optional[int] = None
    batch: Optional[int] = None
    seed: int = 0
    options: dict = field(default_factory=dict)
    x: Optional[float] = None


@dataclass
class Comparison:
    """Hold the content of a comparison file."""

    title: str
    rows: List[Row]
    data_root: str
    options: dict
    last_options: dict  # of the command line; they override rows
    val_interval: Optional[int] = None
    ap_after: Sequence[int] = ()
    notes: Sequence[str] = ()
    x_label: Optional[str] = None


def read_row(values: dict, folder: str) -> Row:
    """Check one row of a comparison file in a folder."""
    known = [each.name for each in fields(Row)]
    unknown = sorted(set(values) - set(known))
    if unknown or 'config' not in values:
        what = f'has unknown keys {unknown}' if unknown else 'has no config'
        raise UserError(
            f'A row {what}: {dict(values)}. It needs config and may have '
            f'{", ".join(known[1:])}.'
        )
    path = osp.normpath(osp.join(folder, values['config']))
    if not is_available(path):
        raise UserError(f'There is no config {path}, which a row names.')
    stem = osp.splitext(osp.basename(path))[0]
    method = 'AE' if stem.startswith('ae') else 'POET'
    return Row(**{'name': stem, 'method': method, **values, 'config': path})


def is_available(path: str) -> bool:
    """Return True for a file, a folder, a URL and a model of the zoo."""
    return '://' in path or osp.exists(path) or is_model(path)


def check_sources(rows: Sequence[Row]) -> None:
    """Raise a UserError unless there is what rows start from or evaluate."""
    above = set()
    for row in rows:
        if row.start_from and row.checkpoint:
            raise UserError(
                f'Row {row.name} has start_from and checkpoint. Give one: a '
                'checkpoint is not trained.'
            )
        source = row.start_from or row.checkpoint
        if source and source not in above and not is_available(source):
            raise UserError(
                f'Row {row.name} needs the weights {source}: no row above it, '
                'no model of the zoo and no file has this name.'
            )
        above.add(row.name)


def is_count(value) -> bool:
    """Return True for a whole number of at least 1."""
    return isinstance(value, int) and value >= 1


def check_evaluations(cfg: Config) -> None:
    """Raise a UserError unless val_interval, ap_after and notes are right."""
    val_interval = cfg.get('val_interval')
    if val_interval is not None and not is_count(val_interval):
        raise UserError(
            f'val_interval is {val_interval!r}, expected a whole number of '
            'epochs of at least 1. Leave it out for no evaluation.'
        )
    for key, kind in dict(ap_after=int, notes=str).items():
        values = cfg.get(key, [])
        if not isinstance(values, (list, tuple)) or not all(
            isinstance(value, kind) for value in values
        ):
            raise UserError(
                f'{key} is {values!r}, expected a list of {kind.__name__}.'
            )
    if cfg.get('ap_after') and val_interval is None:
        raise UserError(
            'ap_after needs evaluations during training. Set val_interval=1.'
        )


def check_axis(rows: Sequence[Row], x_label: Optional[str]) -> None:
    """Raise a UserError unless rows have x, above 0, where it is drawn."""
    placed = [row for row in rows if row.x is not None]
    if bool(placed) != bool(x_label):
        raise UserError(
            f'x_label is {x_label!r}, and {len(placed)} rows have x. Give '
            'both for a figure over x, or none for one over strides.'
        )
    for row in placed:
        if not isinstance(row.x, (int, float)) or row.x <= 0:
            raise UserError(
                f'Row {row.name} has x {row.x!r}, expected a number above 0.'
            )


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
        options (dict, optional): Changes to the configs of all rows. They
            override those of the file and of its rows.

    Raises:
        UserError: A file is missing, a key is unknown, or a value is wrong.
    """
    cfg = read_config(path)
    rows = [read_row(row, osp.dirname(path)) for row in cfg.get('rows', [])]
    names = [row.name for row in rows]
    twice = sorted({name for name in names if names.count(name) > 1})
    if not rows:
        raise UserError(f'{path} has no rows.')
    if twice:
        raise UserError(
            f'{path} has several rows named {twice}. Give each a name.'
        )
    check_sources(rows)
    budget = cfg.get('budget', {}) if epochs is None else dict(epochs=epochs)
    if set(budget) != {'epochs'} or not is_count(budget['epochs']):
        raise UserError(
            f'The budget is {dict(budget)}, expected dict(epochs=E) with a '
            'whole number of at least 1.'
        )
    for row in rows:
        if row.batch is not None and not is_count(row.batch):
            raise UserError(
                f'Row {row.name} has batch {row.batch!r}, expected a whole '
                'number of images of at least 1.'
            )
        if not row.checkpoint:
            row.epochs = epochs or row.epochs or budget['epochs']
    data_root = data_root or cfg.get('data_root')
    if not data_root:
        raise UserError(f'{path} has no data_root. Give --data-root.')
    check_evaluations(cfg)
    check_axis(rows, cfg.get('x_label'))
    return Comparison(
        title=cfg.get('title', osp.splitext(osp.basename(path))[0]),
        rows=rows,
        data_root=data_root,
        options=cfg.get('options', {}),
        last_options=options or {},
        val_interval=cfg.get('val_interval'),
        ap_after=cfg.get('ap_after', ()),
        notes=cfg.get('notes', ()),
        x_label=cfg.get('x_label'),
    )


def row_config(comparison: Comparison, row: Row) -> Config:
    """Return the config of a row with data root, options and seed set."""
    cfg = read_config(row.config)
    set_data_root(cfg, comparison.data_root)
    cfg.merge_from_dict({**comparison.options, **row.options})
    cfg.merge_from_dict(comparison.last_options)
    spread_metainfo(cfg, row.config)
    cfg.randomness = dict(seed=row.seed)
    for part in ('cfg', 'dataloader', 'evaluator'):
        cfg[f'val_{part}'] = (
            cfg[f'test_{part}'] if comparison.val_interval else None
        )
    return cfg


def check_files(cfg: Config, row: Row) -> None:
    """Raise a UserError unless annotations, images and weights are there."""
    wanted, loaders = [], [cfg.test_dataloader]
    if not row.checkpoint:
        wanted += [*pretrained_files(cfg), cfg.get('load_from') or '']
        loaders.append(cfg.train_dataloader)
    for node in walk(loaders):
        if node.get('ann_file'):
            paths = node['ann_file'], *node.get('data_prefix', {}).values()
            root = node.get('data_root', '')
            wanted += [osp.join(root, path) for path in paths]
    for path in wanted:
        if path and not is_available(path):
            raise UserError(f'There is no {path}, which row {row.name} needs.')


def row_folder(
    work_dir: str,
    comparison: Comparison,
    row: Row,
    cfg: Config,
    gpus: int,
    source: Union[Config, str, None] = None,
) -> str:
    """Return the folder of a row.

    A change of config, data root, weights, epochs or val_interval starts a new
    folder, and so does another number of GPUs unless the row has a batch. So
    does such a change of the row whose weights it takes. Changed data or code
    does not.

    Args:
        work_dir (str): Folder of all rows.
        comparison (Comparison): Comparison that the row belongs to.
        row (Row): Row.
        cfg (Config): Config of the row.
        gpus (int): Number of GPUs.
        source (Config | str, optional): Whose weights the row takes: config of
            a row above, model of the zoo, or file.
    """
    weights = source and osp.basename(getattr(source, 'work_dir', source))
    content = [cfg.to_dict(), row.checkpoint and weights, row.epochs]
    shared = row.batch is not None and BATCH not in comparison.last_options
    share = f'batch {row.batch}' if shared else gpus
    content += [comparison.val_interval, share]
    if row.start_from:
        content.append(weights)
    text = json.dumps(content, sort_keys=True, default=str)
    digest = hashlib.sha1(text.encode()).hexdigest()[:8]
    name = re.sub(r'[^\w.-]', '_', row.name)
    return osp.join(work_dir, 'rows', f'{name}-{digest}')


def set_batch(
    comparison: Comparison, row: Row, cfg: Config, gpus: int
) -> None:
    """Set each GPU's batch size from the images of a step of a row.

    The command line's ``train_dataloader.batch_size`` comes first.
    """
    if row.batch is not None and BATCH not in comparison.last_options:
        cfg.merge_from_dict({BATCH: max(1, round(row.batch / gpus))})


def set_budget(
    cfg: Config, epochs: int, val_interval: Optional[int] = None
) -> None:
    """Set the epochs of a training and stretch its schedule to fit.

    Milestones, ends and periods that are counted in epochs keep their share
    of the training. Those counted in iterations (warm-up) stay. The checkpoint
    hook gets an interval for these epochs, and does not keep the best one.

    Args:
        cfg (Config): Changed in place.
        epochs (int): Epochs of the training.
        val_interval (int, optional): Epochs between evaluations.
    """
    stretch = epochs / cfg.train_cfg.max_epochs
    cfg.train_cfg.max_epochs = epochs
    cfg.train_cfg.val_interval = val_interval or epochs
    for scheduler in cfg.get('param_scheduler') or []:
        if not scheduler.get('by_epoch', True):
            continue
        for key in scheduler.keys() & {'begin', 'end', 'T_max'}:
            least = 0 if key == 'begin' else 1
            scheduler[key] = max(least, round(scheduler[key] * stretch))
        if 'milestones' in scheduler:
            scheduler.milestones = [
                max(1, round(step * stretch)) for step in scheduler.milestones
            ]
    cfg.default_hooks.checkpoint.update(
        interval=max(1, min(5, epochs // 10)), max_keep_ckpts=2, save_best=None
    )
