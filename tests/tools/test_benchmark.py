"""The benchmark on tiny cases: its own checks that both sides agree, and what
becomes of its rows."""

import json
import time
from argparse import Namespace
from importlib import import_module

import benchmark
import pytest
import torch
from benchmarks import measure, peak_mb
from benchmarks.gpu_results import write_gpu_page
from benchmarks.machine import commit, describe_machine
from benchmarks.page import write_page
from helpers import ROOT
from mmengine.registry import init_default_scope

from poet_mm.evaluation.fast_coco_metric import hotcoco

TINY = dict(
    attention=dict(tokens=(12,)),
    matching=dict(layers=2, images=3, queries=8, people=5, keypoints=3),
    ae=dict(people=(1, 2), num_images=2),
    step=dict(sizes=(128,)),
    loading=dict(num_images=2),
    allocator=dict(cases=('infer',)),
    evaluation=dict(num_images=20),
    peers=dict(backbones=('ResNet-18',)),
)
if hotcoco is None:
    del TINY['evaluation']
DEVICE = 'cuda' if torch.cuda.is_available() else 'cpu'
ARGS = Namespace(
    quick=True, seconds=0, threads=1, device=DEVICE, data_root=None
)


@pytest.fixture(scope='module')
def results():
    """What some parts give when every case is called once a round."""
    init_default_scope('mmpose')
    parts = {}
    for name, case in TINY.items():
        part = import_module(f'benchmarks.{name}')
        rows = part.run(ARGS, **case)
        parts[name] = dict(about=part.__doc__, threads=1, rows=rows)
    return dict(
        command='python tools/benchmark.py',
        commit=commit(),
        machine=describe_machine(),
        parts=parts,
    )


@pytest.mark.slow
def test_parts_agree_and_are_measured(results):
    for name, part in results['parts'].items():
        assert part['rows'], name
        for row in part['rows']:
            assert row['ratio'] > 0
            low, median, high = (
                row['ours'][key] for key in ('low', 'median', 'high')
            )
            assert 0 < low <= median <= high
            if name in ('attention', 'step'):
                assert row['memory_ratio'] > 0


@pytest.mark.slow
def test_page_of_the_json(results, tmp_path):
    path = tmp_path / 'docs' / 'page.md'
    write_page(json.loads(json.dumps(results)), path)
    page = path.read_text()
    assert all(f'## {name}' in page for name in TINY)
    assert results['commit'] in page
    assert (path.parent / 'scaling.png').is_file()


def test_ratio_is_theirs_to_ours():
    def wait(seconds):
        return lambda: time.sleep(seconds)

    row = measure('case', 'x', wait(0.02), wait(0.001), ARGS)
    assert row['ratio'] == row['theirs']['median'] / row['ours']['median'] > 1
    assert row['memory_ratio'] is None


def test_memory_of_a_call():
    kept = []

    def allocate():
        first = torch.ones(2**24, device=DEVICE)  # 64 MB
        del first
        kept.append(torch.ones(2**23, device=DEVICE))  # 32 MB

    assert peak_mb(allocate, DEVICE) == 64


def test_arguments():
    args = benchmark.parse_args(['ae', 'step', '--quick'])
    assert (args.parts, args.quick) == (['ae', 'step'], True)
    assert benchmark.parse_args([]).parts == benchmark.PARTS
    with pytest.raises(SystemExit):
        benchmark.parse_args(['nothing'])


@pytest.mark.parametrize(
    ('name', 'write'), [('benchmark', write_page), ('gpu', write_gpu_page)]
)
def test_published_page_is_that_of_the_results(name, write, tmp_path):
    folder = ROOT / 'docs' / name
    if not folder.is_dir():
        pytest.skip('not measured yet')
    write(
        json.loads((folder / 'results.json').read_text()),
        tmp_path / 'README.md',
    )
    page = (folder / 'README.md').read_text()
    assert (tmp_path / 'README.md').read_text() == page
