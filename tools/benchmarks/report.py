"""Rows as text, as a page in Markdown, and back from JSON."""
from pathlib import Path
from typing import Dict, List, Optional

from . import Row, Timing


def print_rows(rows: List[Row]) -> None:
    """One line a row."""
    for row in rows:
        print(f'  {row.case}')
        print(f'    {row.incumbent} {_time(row.theirs)}, '
              f'ours {_time(row.ours)}: {_ratio(row)}')
        for text in (_memory(row), row.note):
            if text:
                print(f'    {text}')


def _time(timing: Optional[Timing]) -> str:
    """Median and quartiles."""
    if timing is None:
        return 'cannot run'
    return (f'{number(timing.median)} ms ({number(timing.low)}-'
            f'{number(timing.high)})')


def number(value: float) -> str:
    """Three digits that count."""
    if value >= 100:
        return f'{value:,.0f}'
    return f'{value:.1f}' if value >= 10 else f'{value:.2f}'


def _ratio(row: Row) -> str:
    if row.ratio is None:
        return ''
    floor = '' if row.floor is None else f' (floor {row.floor:.2g})'
    digits = 1 if row.ratio >= 1 else 2
    return f'{row.ratio:.{digits}f}x{floor}'


def _memory(row: Row) -> str:
    """Peaks, and their ratio."""
    if row.memory_ratio is not None:
        return (f'memory {number(row.theirs.peak_mb)} -> '
                f'{number(row.ours.peak_mb)} MB: {row.memory_ratio:.1f}x')
    if row.ours.peak_mb:
        return f'memory {number(row.ours.peak_mb)} MB'
    return ''


def read_rows(results: Dict, part: str) -> List[Row]:
    """Rows of a part of what ``--json`` wrote; none if it was not run."""
    rows = []
    for values in results['parts'].get(part, dict(rows=[]))['rows']:
        values = {k: v for k, v in values.items() if not k.endswith('ratio')}
        for side in ('theirs', 'ours'):
            if values[side] is not None:
                values[side] = Timing(**values[side])
        rows.append(Row(**values))
    return rows


def summary(results: Dict) -> List[str]:
    """Lines of a Markdown table of the rows that have a floor."""
    lines = ['| part | case | against | theirs | ours | ratio | memory |',
             '|---|---|---|---|---|---|---|']
    for part in results['parts']:
        lines += [
            f'| {part} {_cells(row)}' for row in read_rows(results, part)
            if row.floor is not None
        ]
    return lines


def choices(results: Dict) -> List[str]:
    """Lines of a Markdown table of what each option does to a step."""
    lines = ['| option | time | memory |', '|---|---|---|']
    for row in read_rows(results, 'options'):
        memory = row.memory_ratio and f'{1 / row.memory_ratio:.2f}x'
        lines.append(f'| {row.case} | {1 / row.ratio:.2f}x | {memory or ""} |')
    return lines


def _cells(row: Row) -> str:
    """Cells of a row, after its part."""
    theirs = '-' if row.theirs is None else f'{number(row.theirs.median)} ms'
    memory = '' if row.memory_ratio is None else f'{row.memory_ratio:.1f}x'
    cells = (row.case, row.incumbent, theirs,
             f'{number(row.ours.median)} ms', _ratio(row), memory)
    return f'| {" | ".join(cells)} |'


def machine(results: Dict) -> str:
    """What the figures depend on, in one line."""
    return ', '.join(f'{k} {v}' for k, v in results['machine'].items())


def write_readme(results: Dict, path: Path) -> None:
    """Replace the tables in a page that marks their places.

    A place lies between the comments ``<!-- benchmark NAME -->`` and
    ``<!-- end -->``; NAME is ``summary`` or ``choices``.
    """
    text = path.read_text()
    for name, table in (('summary', summary), ('choices', choices)):
        start = f'<!-- benchmark {name} -->'
        before, found, rest = text.partition(start)
        _, end, after = rest.partition('<!-- end -->')
        if not (found and end):
            raise ValueError(f'{path} has no {start} followed by an end.')
        lines = '\n'.join(table(results))
        text = f'{before}{start}\n{lines}\n{end}{after}'
    path.write_text(text)


def write_page(results: Dict, path: Path) -> None:
    """Everything that was measured, as a page in Markdown."""
    lines = [
        '# Benchmark', '', 'Written by the benchmark; do not edit.', '',
        f'`{results["command"]}`', '', f'Machine: {machine(results)}.', '',
        'Times are medians of repeated calls, both sides in turns, with '
        'quartiles in brackets; memory is what a call needs at its peak on '
        'top of what was there before.', '', '## Against the floors', '',
        *summary(results)
    ]
    for part, values in results['parts'].items():
        command = values.get('command')
        lines += [
            '', f'## {part}', '', values['about'], '',
            *([f'`{command}`', ''] if command else []),
            f'{values["threads"]} thread(s).', '',
            '| case | against | theirs | ours | ratio | memory | note |',
            '|---|---|---|---|---|---|---|'
        ]
        lines += [
            f'| {row.case} | {row.incumbent} | {_time(row.theirs)} | '
            f'{_time(row.ours)} | {_ratio(row)} | '
            f'{_memory(row).replace("memory ", "")} | {row.note} |'
            for row in read_rows(results, part)
        ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('\n'.join(lines) + '\n')
