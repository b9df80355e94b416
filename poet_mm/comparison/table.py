"""Write the table of a comparison as Markdown, CSV and JSON."""

import csv
import json
import os.path as osp
from typing import List, Mapping, Optional

from tabulate import tabulate

METRICS = (
    'AP',
    'AP50',
    'AP75',
    'APM',
    'APL',
    'AR',
    'AR50',
    'AR75',
    'ARM',
    'ARL',
)
COCO_NAMES = dict(
    zip(
        METRICS,
        (
            'AP',
            'AP .5',
            'AP .75',
            'AP (M)',
            'AP (L)',
            'AR',
            'AR .5',
            'AR .75',
            'AR (M)',
            'AR (L)',
        ),
    )
)

# key of a result -> heading and number format
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
    step_ms=('step ms', '.0f'),
    init=('init', ''),
    sigma=('sigma', ''),
    flip=('flip', ''),
    how=('how', ''),
)


def coco_metrics(metrics: dict) -> dict:
    """Return CocoMetric's numbers in percent.

    None stands for its -1, no person of that size, and for what CrowdPose's
    evaluation does not have.
    """
    metrics = under_coco(metrics)
    values = {
        key: metrics.get(f'coco/{name}', -1)
        for key, name in COCO_NAMES.items()
    }
    return {key: 100 * v if v >= 0 else None for key, v in values.items()}


def under_coco(metrics: Mapping) -> dict:
    """Rename metrics to the prefix ``coco``; their evaluator's own prefix is
    what stands before ``/AP``.
    """
    prefix = next((key[:-2] for key in metrics if key.endswith('/AP')), None)
    if prefix is None:
        return dict(metrics)
    return {
        f'coco/{key[len(prefix) :]}' if key.startswith(prefix) else key: value
        for key, value in metrics.items()
    }


def format_cell(value, style: str) -> str:
    """Return a value as text; what is not known is a dash."""
    if value is None:
        return '-'
    if isinstance(value, bool):
        return 'yes' if value else 'no'
    text = format(value, style) if style else str(value)
    return text.replace('|', '/')  # which would end the cell


def markdown(rows: List[dict]) -> str:
    """Return a Markdown table of results by the keys of :data:`COLUMNS`."""
    cells = [
        [
            format_cell(row.get(key), style)
            for key, (_, style) in COLUMNS.items()
        ]
        for row in rows
    ]
    return tabulate(
        cells,
        [heading for heading, _ in COLUMNS.values()],
        'github',
        disable_numparse=True,
        stralign=None,
    )


def write_table(
    rows: List[dict],
    folder: str,
    title: str,
    notes: List[str],
    published_source: Optional[str],
) -> None:
    """Write ``table.md``, ``table.csv`` and ``table.json``.

    Args:
        rows (list[dict]): Results by the keys of :data:`COLUMNS`.
        folder (str): Where to.
        title (str): Said above the table.
        notes (list[str]): Said below it.
        published_source (str, optional): Where the published rows are from.
    """
    notes = (
        [*notes, f'Published rows: {published_source}']
        if published_source
        else notes
    )
    text = [f'# {title}', '', markdown(rows), '', *(f'* {n}' for n in notes)]
    with open(osp.join(folder, 'table.md'), 'w') as file:
        file.write('\n'.join(text) + '\n')
    with open(osp.join(folder, 'table.csv'), 'w', newline='') as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction='ignore')
        writer.writeheader()
        writer.writerows(rows)
    with open(osp.join(folder, 'table.json'), 'w') as file:
        json.dump(dict(title=title, notes=notes, rows=rows), file, indent=1)
