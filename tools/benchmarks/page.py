"""Write what was measured as a page in Markdown, with a figure beside it."""

from pathlib import Path
from typing import Dict, Optional

from . import Row, Timing, number
from .scaling import draw_scaling

FIGURE = 'scaling.png'
HEADER = (
    '| case | incumbent | its time | poet_mm | ratio | memory | note |\n'
    '|---|---|---|---|---|---|---|'
)


def read_row(values: Dict) -> Row:
    """Make a row of its JSON."""
    sides = {
        side: values[side] and Timing(**values[side])
        for side in ('theirs', 'ours')
    }
    return Row(
        values['case'], values['incumbent'], note=values['note'], **sides
    )


def time_cell(timing: Optional[Timing]) -> str:
    """Write median and quartiles."""
    if timing is None:  # in files of old versions
        return 'cannot run'
    return (
        f'{number(timing.median)} ms ({number(timing.low)} to '
        f'{number(timing.high)})'
    )


def row_line(row: Row) -> str:
    """Write the line of a table."""
    ratio = memory = ''
    if row.theirs:
        ratio = f'{row.ratio:.{1 if row.ratio >= 1 else 2}f}x'
    if row.theirs and row.memory_ratio:
        memory = (
            f'{number(row.theirs.peak_mb)} -> '
            f'{number(row.ours.peak_mb)} MB: {row.memory_ratio:.1f}x'
        )
    cells = (
        row.case,
        row.incumbent,
        time_cell(row.theirs),
        time_cell(row.ours),
        ratio,
        memory,
        row.note,
    )
    return f'| {" | ".join(cells)} |'


def machine(results: Dict) -> str:
    """Write what the times depend on, in one line."""
    return ', '.join(f'{k} {v}' for k, v in results['machine'].items())


def write_page(results: Dict, path: Path) -> None:
    """Write a page of results, and draw attention against tokens, if it was
    measured.
    """
    lines = [
        '# Benchmark',
        '',
        'Written by the benchmark; do not edit.',
        '',
        f'Commit {results["commit"]}: `{results["command"]}`',
        '',
        f'Machine: {machine(results)}.',
        '',
        'Every row compares poet_mm with a named incumbent in one run, both '
        'sides in turns. Times are medians of calls, with quartiles in '
        'brackets; ratio is the time of the incumbent over ours; memory is '
        'what a call needs at its peak on top of what was there before.',
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    for part, values in results['parts'].items():
        rows = [read_row(row) for row in values['rows']]
        lines += [
            '',
            f'## {part}',
            '',
            values['about'],
            '',
            f'{values["threads"]} thread(s).',
            '',
            HEADER,
            *map(row_line, rows),
        ]
        if part == 'attention':
            draw_scaling(rows, path.with_name(FIGURE))
            lines += ['', f'![Time and memory against tokens]({FIGURE})']
    path.write_text('\n'.join(lines) + '\n')
