"""Losses and AP over epochs, of one or several trainings (paper Fig. 4, 6)."""
import os.path as osp
from typing import Dict, List, Sequence

from ..apis.launch import UserError
from ..visualization.curves import (
    VALIDATION,
    Records,
    draw_curves,
    loss_keys,
    read_scalars,
    series,
)
from .result import Result


def read_runs(work_dirs: Sequence[str]) -> Dict[str, Records]:
    """Records by the shortest names that tell the folders apart."""
    paths = [osp.abspath(path) for path in work_dirs]
    if len(set(paths)) < len(paths):
        raise UserError(f'A work dir is named twice: {", ".join(work_dirs)}.')
    names = [osp.basename(path) for path in paths]
    if len(set(names)) < len(names):
        common = osp.commonpath(paths)
        names = [osp.relpath(path, common) for path in paths]
    try:
        return {
            name: read_scalars(path)
            for name, path in zip(names, paths)
        }
    except FileNotFoundError as error:
        raise UserError(str(error)) from error


def curve_keys(records: Records) -> List[str]:
    """Losses of training and validation, and COCO's numbers."""
    losses = loss_keys(records)
    rest = {key for record in records for key in record}
    wanted = [*losses, *(VALIDATION + key for key in losses)]
    wanted += sorted(key for key in rest if key.startswith('coco/'))
    return [key for key in wanted if key in rest]


def analyze_curves(work_dirs: Sequence[str]) -> Result:
    """The figure of one or several work dirs of ``tools/train.py``."""
    runs = read_runs(work_dirs)
    curves = {
        name: {key: series(records, key)
               for key in curve_keys(records)}
        for name, records in runs.items()
    }
    rows = [
        dict(run=name, key=key, epoch=epoch, value=value)
        for name, keys in curves.items() for key, points in keys.items()
        for epoch, value in zip(*points)
    ]
    validated = any(row['key'].startswith(VALIDATION) for row in rows)
    dashed = ', dashed on validation images' if validated else (
        '; no loss of validation images was logged')
    return Result(
        name='curves',
        title='Training (Fig. 4 and 6)',
        caption='Loss of all decoder layers, terms of the last one (mean over '
        f'each epoch, solid on training images{dashed}), and AP. Runs: '
        f'{", ".join(runs)}.',
        numbers=dict(runs=curves),
        rows=rows,
        draw=lambda out: draw_curves(runs, out, 'AP on validation images'))
