"""Write the table of a comparison as Markdown, CSV and JSON."""

import csv
import json
import os.path as osp
from typing import List, Mapping, Sequence

from tabulate import tabulate

# Map each column to its metric name in CocoMetric.
METRICS = {
    'AP': 'AP',
    'AP50': 'AP .5',
    'AP75': 'AP .75',
    'APS': 'AP (S)',
    'APM': 'AP (M)',
    'APL': 'AP (L)',
    'AR': 'AR',
    'AR50': 'AR .5',
    'AR75': 'AR .75',
    'ARS': 'AR (S)',
    'ARM': 'AR (M)',
    'ARL': 'AR (L)',
}

# Map each key of a result to the heading and number format of its column.
COLUMNS = dict(
    name=('row', ''),
    method=('method', ''),
    backbone=('backbone', ''),
    input=('input', ''),
    stride=('stride', ''),
    params=('params M', '.1f'),
    trainable_params=('trained M', '.1f'),
    **{name: (name, '.1f') for name in METRICS},
    gflops=('GFLOPs', '.2f'),
    network_ms=('network ms', '.1f'),
    post_ms=('post ms', '.2f'),
    memory_mb=('memory MB', '.0f'),
    epochs=('epochs', ''),
    images_seen=('images seen', ''),
    batch=('batch', ''),
    lr=('lr', '.2g'),
    minutes=('minutes', '.1f'),
    image_ms=('train ms/image', '.1f'),
    init=('starts from', ''),
    sigma=('sigma', ''),
    flip=('flip', ''),
    how=('how', ''),
)


def coco_metrics(metrics: Mapping) -> dict:
    """Return the numbers of a COCO evaluator in percent, by :data:`METRICS`.

    None stands for -1, which COCO gives where no person has that size, and
    for numbers that the evaluator does not have, as CrowdPose's, or
    FastCocoMetric without ``small``.

    Args:
        metrics (Mapping): Numbers in [0, 1] by name, with the evaluator's
            prefix, as in ``coco/AP``.
    """
    prefix = next((key[:-2] for key in metrics if key.endswith('/AP')), '')
    values = {key: metrics.get(prefix + METRICS[key], -1) for key in METRICS}
    return {key: 100 * v if v >= 0 else None for key, v in values.items()}


def format_cell(value, style: str) -> str:
    """Return a value as text, a dash for None."""
    if value is None:
        return '-'
    if isinstance(value, bool):
        return 'yes' if value else 'no'
    text = format(value, style) if style else str(value)
    return text.replace('|', '/')  # a bar would end the cell


def ap_columns(rows: List[dict], steps: Sequence[int]) -> dict:
    """Add the AP after some steps to results, and return their columns.

    Args:
        rows (list[dict]): Results, changed in place. One without ``steps``,
            or without a ``curve`` point at exactly that step, stays without
            the number.
        steps (Sequence[int]): Numbers of steps.

    Returns:
        dict: As :data:`COLUMNS`.
    """
    for row in rows:
        if 'steps' not in row:  # not trained, or by an older version
            continue
        for point in row['curve']:
            step = round(point['epoch'] * row['steps'] / row['epochs'])
            if step in steps:
                row[f'AP_{step}'] = point['AP']
    return {f'AP_{step}': (f'AP after {step} steps', '.1f') for step in steps}


def write_table(
    rows: List[dict],
    folder: str,
    title: str,
    notes: List[str],
    ap_after: Sequence[int] = (),
) -> None:
    """Write ``table.md``, ``table.csv`` and ``table.json``.

    Columns without any value are left out.

    Args:
        rows (list[dict]): Results by the keys of :data:`COLUMNS`; the JSON
            file also keeps their other keys.
        folder (str): Folder to write to.
        title (str): Heading above the table.
        notes (list[str]): Sentences below the table.
        ap_after (Sequence[int]): Steps of training; the AP after each is a
            further column.
    """
    columns = {
        key: column
        for key, column in {**COLUMNS, **ap_columns(rows, ap_after)}.items()
        if any(row.get(key) is not None for row in rows)
    }
    table = tabulate(
        [
            [format_cell(row.get(key), columns[key][1]) for key in columns]
            for row in rows
        ],
        [heading for heading, _ in columns.values()],
        'github',
        disable_numparse=True,
    )
    text = [f'# {title}', '', table, '', *(f'* {note}' for note in notes)]
    with open(osp.join(folder, 'table.md'), 'w') as file:
        file.write('\n'.join(text) + '\n')
    with open(osp.join(folder, 'table.csv'), 'w', newline='') as file:
        writer = csv.DictWriter(file, columns, extrasaction='ignore')
        writer.writeheader()
        writer.writerows(rows)
    with open(osp.join(folder, 'table.json'), 'w') as file:
        json.dump(dict(title=title, notes=notes, rows=rows), file, indent=1)
