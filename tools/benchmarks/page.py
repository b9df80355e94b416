"""Write what was measured as a page in Markdown, with a figure beside it."""

from pathlib import Path
from typing import Dict, List, Sequence

from matplotlib.figure import Figure
from tabulate import tabulate

from poet_mm.visualization.style import COLORS, in_style, save_figure

from . import number

FIGURE = 'scaling.png'
HEADERS = (
    'case',
    'baseline',
    'baseline time',
    'poet_mm',
    'ratio',
    'memory',
    'note',
)


def time_cell(timing: Dict) -> str:
    """Write median and quartiles."""
    median, low, high = (
        number(timing[key]) for key in ('median', 'low', 'high')
    )
    return f'{median} ms ({low} to {high})'


def row_cells(row: Dict) -> List[str]:
    """Write the cells of a row, see :data:`HEADERS`."""
    memory = ''
    if row['memory_ratio']:
        theirs, ours = (number(row[s]['peak_mb']) for s in ('theirs', 'ours'))
        memory = f'{theirs} -> {ours} MB: {row["memory_ratio"]:.1f}x'
    return [
        row['case'],
        row['incumbent'],
        time_cell(row['theirs']),
        time_cell(row['ours']),
        f'{row["ratio"]:.{1 if row["ratio"] >= 10 else 2}f}x',
        memory,
        row['note'],
    ]


def machine(results: Dict) -> str:
    """Write machine and library versions, in one line."""
    return ', '.join(f'{k} {v}' for k, v in results['machine'].items())


def write_page(
    results: Dict,
    path: Path,
    title: str = 'Benchmark',
    more: Sequence[str] = (),
) -> None:
    """Write a page of results, with a figure if attention was measured.

    Args:
        results (dict): What ``tools/benchmark.py`` writes as JSON.
        path (Path): Page to write.
        title (str): Heading of the page. Defaults to 'Benchmark'.
        more (sequence[str]): Lines above the parts. Defaults to none.
    """
    lines = [
        f'# {title}',
        '',
        'Written by the benchmark; do not edit.',
        '',
        f'Commit {results["commit"]}: `{results["command"]}`',
        '',
        f'Machine: {machine(results)}.',
        '',
        'Every row compares poet_mm with a named baseline in one run; both '
        'sides take turns. Times are medians of calls, with quartiles in '
        'brackets. The ratio is the baseline time over ours. Memory is what a '
        'call adds at its peak.',
        *more,
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    for part, values in results['parts'].items():
        rows = [row_cells(row) for row in values['rows']]
        lines += [
            '',
            f'## {part}',
            '',
            values['about'],
            '',
            f'{values["threads"]} thread(s).',
            '',
            tabulate(rows, HEADERS, tablefmt='github', disable_numparse=True),
        ]
        if part == 'attention':
            draw_scaling(values['rows'], path.with_name(FIGURE))
            lines += ['', f'![Time and memory against tokens]({FIGURE})']
    path.write_text('\n'.join(lines) + '\n')


@in_style()
def draw_scaling(rows: List[Dict], out: Path) -> None:
    """Draw milliseconds and peak MB of attention against tokens.

    Args:
        rows (list[dict]): Rows whose case begins with the number of tokens.
        out (Path): Picture to write.
    """
    tokens = [int(row['case'].split()[0]) for row in rows]
    figure = Figure(figsize=(8, 3.6))
    panels = figure.subplots(1, 2)
    for axes, key, label in (
        (panels[0], 'median', 'forward + backward (ms)'),
        (panels[1], 'peak_mb', 'peak memory (MB)'),
    ):
        for side, name, color in (
            ('theirs', rows[0]['incumbent'], COLORS[1]),
            ('ours', 'poet_mm', COLORS[0]),
        ):
            values = [row[side][key] for row in rows]
            axes.plot(tokens, values, label=name, marker='o', color=color)
        axes.set(xlabel='tokens', ylabel=label, xscale='log', yscale='log')
        axes.set_xticks(tokens[::2], tokens[::2])
        axes.minorticks_off()
    panels[0].legend()
    save_figure(figure, str(out))
