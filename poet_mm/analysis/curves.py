"""Read losses and AP of trainings over epochs (paper Fig. 4 and 6)."""

import os.path as osp
from typing import Dict, List, Sequence

from ..errors import UserError
from ..utils.logs import (
    VALIDATION,
    Records,
    find_trainings,
    of_decoder_layers,
    read_scalars,
    series,
)
from .plots.curves import draw_curves
from .result import Result


def read_runs(work_dirs: Sequence[str]) -> Dict[str, Records]:
    """Read the last training of each work dir.

    Returns:
        dict[str, Records]: By the shortest names that differ.
    """
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


def describe_older(work_dirs: Sequence[str]) -> str:
    """Return a sentence for each work dir with several trainings."""
    counts = {path: len(find_trainings(path)) for path in work_dirs}
    return ''.join(
        f' {osp.basename(osp.abspath(path))} holds {count} trainings, begun '
        'one after another; only the last is drawn. Give its folders, named '
        'by the time of their start, to draw each.'
        for path, count in counts.items()
        if count > 1
    )


def curve_keys(records: Records) -> List[str]:
    """Return the keys of the loss, of the last layer's terms and of AP."""
    logged = {key for record in records for key in record}
    drawn = ('loss', f'{VALIDATION}loss', 'coco/')
    return sorted(key for key in logged if key.startswith(drawn))


def analyze_curves(work_dirs: Sequence[str]) -> Result:
    """Return the figure of the last training in each work dir."""
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
    dashed = '; no loss of validation images was logged'
    if any(row['key'].startswith(VALIDATION) for row in rows):
        dashed = ', dashed on validation images'
    return Result(
        name='curves',
        title='Training (Fig. 4 and 6)',
        caption='Loss of all decoder layers (without those of proposals and '
        'denoising queries), terms of the last one (mean over each epoch, '
        f'solid on training images{dashed}), and AP. Runs: {", ".join(runs)}.'
        f'{describe_older(work_dirs)}',
        numbers=dict(runs=curves),
        rows=rows,
        draw=lambda out: draw_curves(runs, out),
    )
