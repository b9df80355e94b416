"""Losses and AP over epochs, of one or several trainings (paper Fig. 4, 6)."""

import os.path as osp
from typing import Dict, List, Sequence

from ..errors import UserError
from ..utils.logs import (
    VALIDATION,
    Records,
    find_trainings,
    loss_keys,
    of_decoder_layers,
    read_scalars,
    series,
)
from .plots.curves import draw_curves
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
    return {
        name: of_decoder_layers(read_scalars(path))
        for name, path in zip(names, paths)
    }


def left_out(work_dirs: Sequence[str]) -> str:
    """What is said of work dirs that hold more than one training."""
    counts = {path: len(find_trainings(path)) for path in work_dirs}
    return ''.join(
        f' {osp.basename(osp.abspath(path))} holds {count} trainings, begun '
        'one after another; only the last is drawn. Give its folders, named '
        'by the time of their start, to draw each.'
        for path, count in counts.items()
        if count > 1
    )


def curve_keys(records: Records) -> List[str]:
    """Losses of training and validation, and COCO's numbers."""
    losses = loss_keys(records)
    rest = {key for record in records for key in record}
    wanted = [*losses, *(VALIDATION + key for key in losses)]
    wanted += sorted(key for key in rest if key.startswith('coco/'))
    return [key for key in wanted if key in rest]


def analyze_curves(work_dirs: Sequence[str]) -> Result:
    """The figure of one or several work dirs of ``tools/train.py``, of each
    the last training.
    """
    runs = read_runs(work_dirs)
    curves = {
        name: {key: series(records, key) for key in curve_keys(records)}
        for name, records in runs.items()
    }
    rows = [
        dict(run=name, key=key, epoch=epoch, value=value)
        for name, keys in curves.items()
        for key, points in keys.items()
        for epoch, value in zip(*points)
    ]
    validated = any(row['key'].startswith(VALIDATION) for row in rows)
    dashed = (
        ', dashed on validation images'
        if validated
        else ('; no loss of validation images was logged')
    )
    return Result(
        name='curves',
        title='Training (Fig. 4 and 6)',
        caption='Loss of all decoder layers (without those of proposals and '
        'noised people), terms of the last one (mean over each epoch, solid '
        f'on training images{dashed}), and AP. Runs: {", ".join(runs)}.'
        f'{left_out(work_dirs)}',
        numbers=dict(runs=curves),
        rows=rows,
        draw=lambda out: draw_curves(runs, out, 'AP on validation images'),
    )
