"""tools/gpu_check.py and its script: all steps are run, and say how they
ended, with a Python that only pretends to run them."""

import json
import os
import subprocess
import sys

import benchmark
import gpu_check
import pytest
from benchmarks.gpu_results import write_gpu_page
from helpers import ROOT

from poet_mm.comparison.spec import read_comparison
from poet_mm.errors import UserError

TESTS = """\
<testsuites><testsuite>
<testcase classname="tests.a" name="fast" time="0.5" />
<testcase classname="tests.a" name="memory" time="2"><properties>
<property name="peak_mb" value="812" /></properties></testcase>
<testcase classname="tests.b" name="wrong" time="1">
<failure message="assert 1 == 2&#10;more">text</failure></testcase>
<testcase classname="tests.b" name="onnx" time="0">
<skipped message="needs the package onnxruntime-gpu" /></testcase>
</testsuite></testsuites>
"""
RECORDS = [
    dict(step=10, loss=9.0, time=7.0, memory=100),
    dict(step=20, loss=8.0, time=0.5, memory=300),
    dict(step=30, loss=6.0, time=0.7, memory=200),
]
# The tests fail, the benchmark stops after its first part, the first row is
# trained until its time is over, and the others end without a step.
PYTHON = """\
#!/bin/sh
case "$*" in
  *"-m pytest "*) cp FOLDER/tests.xml "$WORK/tests.xml"; exit 1 ;;
  *benchmark.py*) cp FOLDER/benchmark.json "$WORK"; exec sleep 60 ;;
  *"--row ROW "*)
    logs=$WORK/comparison/rows/ROW-12345678/20260101_000000/vis_data
    mkdir -p "$logs" && cp FOLDER/scalars.json "$logs"
    echo "Epoch(train)   [1][ 30/120]  lr: 1.0e-04"; exec sleep 60 ;;
esac
"""


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """Return a folder whose ``python`` pretends."""
    row = read_comparison(str(gpu_check.CPU.comparison)).rows[0]
    folder, work = tmp_path / 'fake', tmp_path / 'work'
    (tmp_path / 'data' / 'annotations').mkdir(parents=True)
    folder.mkdir()
    (folder / 'tests.xml').write_text(TESTS)
    (folder / 'benchmark.json').write_text('{"parts": {}}')
    (folder / 'scalars.json').write_text(
        ''.join(json.dumps(record) + '\n' for record in RECORDS)
    )
    python = folder / 'python'
    python.write_text(
        PYTHON.replace('FOLDER', str(folder)).replace('ROW', row.name)
    )
    python.chmod(0o755)
    monkeypatch.setenv('WORK', str(work))
    return folder


@pytest.mark.slow
def test_all_steps(fake, tmp_path, monkeypatch, capsys):
    limits = dict(tests=20, benchmark=1)
    case = gpu_check.CPU._replace(limits=limits)
    monkeypatch.setattr(gpu_check, 'CPU', case)
    monkeypatch.setattr(gpu_check, 'SECONDS', 0)  # a second for every row
    monkeypatch.setattr(sys, 'executable', str(fake / 'python'))
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')
    work, data = tmp_path / 'work', tmp_path / 'data'
    argv = f'gpu_check.py --cpu --work-dir {work} --data-root {data}'
    monkeypatch.setattr(sys, 'argv', [*argv.split(), '--cfg-options', 'a=1'])
    assert gpu_check.main() == 1
    results = json.loads((work / 'results.json').read_text())
    rows = read_comparison(str(case.comparison)).rows
    names = [row.name for row in rows]
    steps = {step['name']: step for step in results['steps']}
    assert [*steps] == ['tests', 'benchmark', *names]
    assert [step['result'] for step in steps.values()] == (
        ['failed', 'out of time'] + len(rows) * ['passed']
    )
    assert 1 <= steps['benchmark']['seconds'] < 5
    assert 'default_hooks.logger.interval=10 a=1' in steps[names[0]]['command']
    by_name = {test['name']: test for test in results['tests']}
    ends = [(test['result'], test.get('reason')) for test in by_name.values()]
    assert ends == [
        ('passed', None),
        ('passed', None),
        ('failed', 'assert 1 == 2'),
        ('skipped', 'needs the package onnxruntime-gpu'),
    ]
    assert by_name['tests.a::memory']['peak_mb'] == 812
    first = dict(results['rows'][0])
    assert first.pop('step_ms') == pytest.approx(600)
    assert first.pop('hours') == pytest.approx(
        0.6 * 120 * rows[0].epochs / 3600
    )
    assert first == dict(
        name=names[0], steps=30, memory_mb=300, first_loss=9, last_loss=6
    )
    assert results['rows'][1:] == [dict(name=name) for name in names[1:]]
    page = (work / 'README.md').read_text()
    assert '| tests.a::memory' in page
    write_gpu_page(results, work / 'README.md')
    assert (work / 'README.md').read_text() == page
    assert 'Failed: tests, benchmark\n' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('code', 'result'), [('pass', 'passed'), ('1 / 0', 'failed')]
)
def test_a_step(code, result, tmp_path):
    step = gpu_check.run_step('step', 20, ['-S', '-c', code], tmp_path)
    assert (step['result'], step['limit']) == (result, 20)
    log = (tmp_path / 'step.log').read_text()
    assert ('ZeroDivisionError' in log) == (result == 'failed')


def test_only_skipped_tests_are_a_failure(tmp_path, monkeypatch):
    """As without a GPU; pytest itself then ends with 0."""
    monkeypatch.setattr(sys, 'executable', '/bin/true')
    (step,), tests = gpu_check.run_tests(gpu_check.GPU, tmp_path)
    assert (step['result'], tests) == ('failed', [])


def test_without_a_gpu(tmp_path, monkeypatch):
    monkeypatch.setattr('torch.cuda.is_available', lambda: False)
    monkeypatch.setattr(sys, 'argv', ['gpu_check.py'])
    with pytest.raises(UserError, match='--cpu'):
        gpu_check.main()


@pytest.mark.parametrize('case', [gpu_check.GPU, gpu_check.CPU])
def test_commands_are_those_of_the_tools(case):
    args = benchmark.parse_args(case.benchmark)
    assert 'attention' in args.parts
    assert read_comparison(str(case.comparison)).rows
    limits = sum(case.limits.values())
    assert limits < gpu_check.SECONDS / 2 + gpu_check.REPORT_SECONDS * 2


def test_script(tmp_path):
    """It finds the Python, and hands on its options."""
    python = tmp_path / 'python'
    python.write_text('#!/bin/sh\necho "$@"\n')
    python.chmod(0o755)
    env = dict(os.environ, PATH=f'{tmp_path}:{os.environ["PATH"]}')
    env.pop('PYTHON', None)
    command = ['bash', ROOT / 'tools' / 'gpu_check.sh', '--cpu', '--no-venv']
    result = subprocess.run(
        [*command, '--data-root', 'x'], capture_output=True, text=True, env=env
    )
    assert result.returncode == 0
    last = result.stdout.splitlines()[-1]
    assert last == f'{ROOT}/tools/gpu_check.py --cpu --data-root x'
