"""Read what the steps of ``tools/gpu_check.py`` left, and write its page."""

import math
import re
from pathlib import Path
from statistics import median
from typing import Dict, List
from xml.etree import ElementTree

from tabulate import tabulate

from poet_mm.utils.logs import read_records

from . import number
from .page import write_page

STEPS = ('name', 'result', 'seconds', 'limit', 'reason')
TESTS = ('name', 'result', 'seconds', 'peak_mb', 'reason')
ROWS = (
    'name',
    'steps',
    'step_ms',
    'memory_mb',
    'first_loss',
    'last_loss',
    'hours',
)


def read_tests(report: Path) -> List[dict]:
    """Return name, result, seconds and measured values of each test.

    Args:
        report (Path): JUnit's XML, as pytest writes it at its end.
    """
    if not report.is_file():
        return []
    results = dict(skipped='skipped', failure='failed', error='failed')
    tests = []
    for case in ElementTree.parse(report).iter('testcase'):
        ends = [child for child in case if child.tag in results]
        test = dict(
            name=f'{case.get("classname")}::{case.get("name")}',
            result=results[ends[0].tag] if ends else 'passed',
            seconds=float(case.get('time', 0)),
        )
        if ends:
            test['reason'] = (ends[0].get('message') or '').split('\n')[0]
        for measured in case.iter('property'):
            test[measured.get('name')] = float(measured.get('value'))
        tests.append(test)
    return tests


def read_row(log: Path, folder: Path, epochs: int) -> dict:
    """Return what the first minutes of a training show.

    Args:
        log (Path): Console log of the row; its name is that of the row.
        folder (Path): Folder of all rows.
        epochs (int): Epochs of the whole training.

    Returns:
        dict: ``steps``, ``step_ms`` (without the first record), ``memory_mb``
        (0 without a GPU), ``first_loss``, ``last_loss`` and ``hours`` of the
        whole training. Empty if no step with a finite loss was logged.
    """
    logs = folder.glob(f'{log.stem}-*/*/vis_data/scalars.json')
    newest = sorted(logs, key=lambda path: path.stat().st_mtime)[-1:]
    records = [r for path in newest for r in read_records(str(path))]
    records = [r for r in records if math.isfinite(r.get('loss', math.nan))]
    if not records:
        return {}
    seconds = median(r['time'] for r in records[1:] or records)
    return dict(
        steps=records[-1]['step'],
        step_ms=1000 * seconds,
        memory_mb=max(r.get('memory', 0) for r in records),
        first_loss=records[0]['loss'],
        last_loss=records[-1]['loss'],
        hours=seconds * epochs * steps_per_epoch(log) / 3600,
    )


def steps_per_epoch(log: Path) -> int:
    """Return M of the last ``Epoch(train) [1][N/M]`` of a console log."""
    pattern = r'Epoch\(train\)\s+\[\d+\]\[\s*\d+/(\d+)\]'
    return int(re.findall(pattern, log.read_text())[-1])


def write_gpu_page(results: Dict, path: Path) -> None:
    """Write the page of a ``results.json``."""
    more = [
        *section('Steps', STEPS, results['steps']),
        *section('Tests', TESTS, results['tests']),
    ]
    if results['rows']:
        more += section(
            'First minutes of the comparison', ROWS, results['rows']
        )
        more += ['', 'Hours are those of all epochs, at this speed.']
    write_page(results, path, 'GPU check', more)


def section(title: str, keys: tuple, rows: List[Dict]) -> List[str]:
    """Return the lines of a table of some keys, empty where a row has none."""
    cells = [[cell(row.get(key)) for key in keys] for row in rows]
    names = [key.replace('_', ' ') for key in keys]
    table = tabulate(
        cells, names, tablefmt='github', disable_numparse=True
    ).splitlines()
    return ['', f'## {title}', '', *table]


def cell(value) -> str:
    """Write a number with three digits, other values as they are."""
    if isinstance(value, float):
        return number(value)
    return '' if value is None else str(value).replace('|', '/')
