"""The benchmark on tiny cases: its own checks that both sides agree, and what
becomes of its rows."""
import json
import subprocess
import sys

import benchmark
import pytest
from benchmarks import Row, Timing
from benchmarks.report import (
    machine,
    read_rows,
    summary,
    write_page,
    write_readme,
)
from helpers import ROOT
from mmengine.registry import init_default_scope

from poet_mm.evaluation.fast_coco_metric import hotcoco

TINY = dict(
    attention='--tokens 12 --images 2',
    matching='--layers 2 --images 3 --queries 8 --people 5 --keypoints 3',
    ae='--images 2 --people 1 2',
    step='--sizes 128',
    fast='--sizes 128',
    evaluation='--images 20')
if hotcoco is None:
    del TINY['evaluation']


@pytest.fixture(scope='module')
def results():
    """What some parts give in a run of one repeat."""
    init_default_scope('mmpose')
    parts = {}
    for name, flags in TINY.items():
        argv = f'{name} {flags} --quick --repeat 1'.split()
        parsed, _ = benchmark.parse_args(argv)
        parts[name] = benchmark.run_part(name, parsed[name])
    return dict(
        command='python tools/benchmark.py',
        machine=benchmark.describe_machine(),
        parts=parts)


def test_parts_agree_and_are_measured(results):
    for part in results['parts'].values():
        assert part['rows']
        for row in part['rows']:
            assert row['ratio'] > 0
            low, median, high = (row['ours'][key]
                                 for key in ('low', 'median', 'high'))
            assert 0 < low <= median <= high


def test_rows_survive_json(results, tmp_path):
    again = json.loads(json.dumps(results))
    rows = read_rows(again, 'attention')
    assert rows[0].as_dict() == results['parts']['attention']['rows'][0]
    assert rows[0].tokens == 12
    write_page(again, tmp_path / 'docs' / 'page.md')
    page = (tmp_path / 'docs' / 'page.md').read_text()
    assert all(f'## {name}' in page for name in TINY)
    assert len(summary(again)) > 2


def test_a_part_is_renewed_in_a_file(results, tmp_path):
    path = tmp_path / 'results.json'
    new = dict(results, command='a part', parts={})
    assert benchmark.earlier_results(path, new) is new
    path.write_text(json.dumps(results))
    assert benchmark.earlier_results(path, new) == json.loads(
        json.dumps(results))
    new['machine'] = dict(new['machine'], cores=99)
    with pytest.raises(SystemExit, match='another machine'):
        benchmark.earlier_results(path, new)


def test_ratios():
    row = Row('case', 'x', Timing(30, 29, 31, 8.0), Timing(10, 9, 11, 2.0))
    assert (row.ratio, row.memory_ratio) == (3, 4)
    alone = Row('case', 'x', None, Timing(10, 9, 11, 2.0))
    assert (alone.ratio, alone.memory_ratio) == (None, None)


def test_memory_of_a_call():
    """In a process of its own: others' freed memory would be counted."""
    code = '''
import torch
from benchmarks import peak_mb
kept, device = [], 'cuda' if torch.cuda.is_available() else 'cpu'
def allocate():
    first = torch.ones(2**24, device=device)  # 64 MB
    del first
    kept.append(torch.ones(2**23, device=device))  # 32 MB
print(peak_mb(lambda: None) is not None and peak_mb(allocate))
'''
    done = subprocess.run([sys.executable, '-c', code], check=True, text=True,
                          stdout=subprocess.PIPE, cwd=ROOT / 'tools')
    if done.stdout.strip() == 'False':
        pytest.skip('memory is measured on Linux and on GPUs')
    assert 60 < float(done.stdout) < 80


def test_arguments():
    parsed, _ = benchmark.parse_args(['--all', '--quick'])
    assert set(parsed) == set(benchmark.PARTS)
    assert all(args.quick and args.repeat == 3 for args in parsed.values())
    parsed, _ = benchmark.parse_args(
        ['matching', '--images', '4', '--repeat', '2'])
    assert parsed['matching'].images == 4
    for wrong in ([], ['--all', 'ae'], ['nothing']):
        with pytest.raises(SystemExit):
            benchmark.parse_args(wrong)


def test_readme_shows_what_was_measured(tmp_path):
    """The tables of README and of the full page are those of the results."""
    folder = ROOT / 'docs' / 'benchmark'
    results = json.loads((folder / 'results.json').read_text())
    readme = (ROOT / 'README.md').read_text()
    for write, path in ((write_readme, ROOT / 'README.md'),
                        (write_page, folder / 'README.md')):
        again = tmp_path / path.name
        again.write_text(path.read_text())
        write(results, again)
        assert again.read_text() == path.read_text()
    assert results['command'] in readme
    assert machine(results) in readme


def test_places_of_the_tables(results, tmp_path):
    page = tmp_path / 'page.md'
    page.write_text('a <!-- benchmark summary --> old <!-- end --> b '
                    '<!-- benchmark choices --><!-- end -->')
    for _ in range(2):
        write_readme(results, page)
        text = page.read_text()
        assert text.startswith('a ')
        assert 'old' not in text
        assert text.count('\n'.join(summary(results))) == 1
    page.write_text('<!-- benchmark summary -->')
    with pytest.raises(ValueError, match='followed by an end'):
        write_readme(results, page)
