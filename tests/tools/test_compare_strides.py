"""tools/compare_strides.py: killed and resumed, one row, mistakes."""

import csv
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import compare_strides
import numpy as np
import pytest
import torch
from helpers import ROOT
from make_toy_coco import make_toy_coco
from tiny_comparison import ROWS, TINY, write_comparison

from poet_mm.comparison import row as row_file
from poet_mm.comparison.table import METRICS
from poet_mm.errors import UserError


@pytest.fixture(scope='module')
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp('toy')
    make_toy_coco(folder, 24, 4, 64, 0)
    return folder


def start(comparison, work_dir):
    tool = ROOT / 'tools' / 'compare_strides.py'
    return subprocess.Popen(
        [sys.executable, tool, comparison, '--work-dir', work_dir],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for(condition, seconds=600):
    end = time.time() + seconds
    while not condition():
        assert time.time() < end
        time.sleep(0.05)


def row_processes(work_dir):
    """Command lines of the running rows of a comparison."""
    found = []
    for path in Path('/proc').glob('[0-9]*/cmdline'):
        try:
            line = path.read_text()
        except OSError:
            continue  # it has just ended
        if '--row' in line and str(work_dir) in line:
            found.append(line)
    return found


@pytest.mark.slow
def test_killed_and_resumed(toy, tmp_path):
    """Killed in the second row, and run again: the first is kept, the second
    goes on. A row that fails stops no other."""
    bad = dict(ROWS[0], name='bad', options={'model.head.in_channels': 3})
    start_from = tmp_path / 'start.pth'  # not what a row resumes from
    queries = {'head.query_embedding.weight': torch.zeros(10, 128)}
    torch.save(dict(state_dict=queries), start_from)
    poet = dict(ROWS[1], options=dict(load_from=str(start_from)))
    path = write_comparison(tmp_path / 'c.py', toy, rows=[ROWS[0], poet, bad])
    work = tmp_path / 'work'
    process = start(path, work)
    wait_for(
        lambda: (
            [*work.glob('rows/poet-*/epoch_2.pth')]
            or process.poll() is not None
        )
    )
    process.kill()
    process.wait()
    (first,) = work.glob('rows/ae-*/result.json')
    (second,) = work.glob('rows/poet-*')
    kept = first.stat().st_mtime_ns
    wait_for(lambda: not row_processes(work))  # it notices
    assert not (second / 'result.json').exists()

    process = start(path, work)
    output, _ = process.communicate()
    assert process.returncode == 1  # for the bad row
    assert first.stat().st_mtime_ns == kept
    assert 'resumed epoch' in (second / 'console.log').read_text()
    assert '[2/3] poet: AP' in output
    assert '[3/3] bad: AP -, failed: RuntimeError' in output
    table = json.loads((work / 'table.json').read_text())
    ae, poet, failed = table['rows'][:3]
    given = dict(name='ae', method='AE', stride=32, sigma=1, epochs=2)
    given.update(images_seen=44, flip=False, batch=4, lr=1.5e-3)
    assert ae.items() >= given.items()
    given = dict(name='poet', method='POET', stride=32, sigma=None, epochs=4)
    given.update(input=128, init='start.pth', backbone='R18')
    assert poet.items() >= given.items()
    numbers = 'AP AR50 gflops network_ms post_ms memory_mb minutes step_ms'
    for row in (ae, poet):
        for key in (*numbers.split(), 'params'):
            assert np.isfinite(row[key]), key
        assert row['how'] == 'trained here'
    assert failed['how'].startswith('failed: RuntimeError')
    published = [row for row in table['rows'] if row['how'] == 'published']
    assert len(published) == 6
    markdown = (work / 'table.md').read_text()
    assert markdown.count('| published') == 6
    lines = (work / 'table.csv').read_text().splitlines()
    assert len([*csv.reader(lines)]) == 1 + 9
    assert (work / 'figure1.png').stat().st_size > 10000


@pytest.mark.slow
def test_rows_that_take_weights_of_rows(toy, tmp_path):
    """One is trained and evaluated on the way, one is the same checkpoint, one
    starts from it, and one from a row that failed."""
    failed = dict(
        ROWS[0], name='failed', options={'model.head.in_channels': 3}
    )
    rows = [
        ROWS[0],
        dict(ROWS[0], name='again', checkpoint='ae'),
        dict(ROWS[0], name='next', start_from='again', epochs=1),
        failed,
        dict(ROWS[0], name='none', start_from='failed'),
    ]
    path = write_comparison(tmp_path / 'c.py', toy, rows=rows, val_interval=1)
    output, _ = start(path, tmp_path / 'work').communicate()
    table = json.loads((tmp_path / 'work' / 'table.json').read_text())
    trained, again, following, _, none = table['rows'][:5]
    curve = trained['curve']
    assert [point['epoch'] for point in curve] == [1, 2]
    assert curve[-1]['AP'] == pytest.approx(trained['AP'], abs=1e-3)
    assert curve[-1]['ARM'] == pytest.approx(trained['ARM'], abs=1e-3)
    assert all(point['losses']['loss'] > 0 for point in curve)
    assert 'ae: trains for 2 epochs' in output
    assert (again['how'], again['init']) == ('ae', None)
    for name in METRICS:
        assert trained[name] == again[name]
    assert following['init'] == 'again'
    (log,) = (tmp_path / 'work').glob('rows/next-*/console.log')
    (weights,) = (tmp_path / 'work').glob('rows/ae-*/epoch_2.pth')
    assert f'Load checkpoint from {weights}' in log.read_text()
    assert 'failed, which has no result yet' in none['how']


@pytest.mark.parametrize(
    ('changes', 'named'),
    [
        (dict(data_root='/nowhere'), '/nowhere'),
        (dict(rows=[dict(config='none.py')]), r'no config .*none\.py'),
        (dict(rows=[dict(config='bad.py')]), 'NameError'),
        (dict(rows=[dict(ROWS[0], colour='red')]), "'colour'.*may have name"),
        (dict(rows=[ROWS[0], ROWS[0]]), r"\['ae'\]"),
        (dict(rows=[dict(ROWS[0], checkpoint='x.pth')]), r' x\.pth'),
        (
            dict(rows=[dict(ROWS[0], start_from='poet'), ROWS[1]]),
            'weights poet',
        ),
        (
            dict(
                rows=[ROWS[0], dict(ROWS[1], start_from='ae', checkpoint='ae')]
            ),
            'poet has start_from and checkpoint',
        ),
        (dict(budget=dict(hours=3)), "'hours': 3"),
        (dict(budget=dict(epochs=1.5)), "'epochs': 1.5"),
        (dict(val_interval=0), 'val_interval is 0'),
        (dict(val_interval=1.5), 'val_interval is 1.5'),
        (dict(val_interval=1, ap_after=9), 'ap_after is 9'),
        (dict(ap_after=[9]), 'Set val_interval'),
        (dict(notes='one'), "notes is 'one'"),
        (dict(x_label='images'), "'images', and 0 rows have x"),
        (dict(rows=[dict(ROWS[0], x=4)]), 'None, and 1 rows have x'),
        (dict(rows=[dict(ROWS[0], x=0)], x_label='images'), 'has x 0'),
        (dict(data_root=''), 'has no data_root'),
        (dict(rows=[]), 'no rows'),
    ],
)
def test_mistakes_are_one_sentence(toy, tmp_path, changes, named, monkeypatch):
    (tmp_path / 'bad.py').write_text('a = b')
    path = write_comparison(tmp_path / 'c.py', toy, **changes)
    monkeypatch.setattr(
        sys, 'argv', ['', str(path), '--work-dir', str(tmp_path / 'work')]
    )
    with pytest.raises(UserError, match=named):
        compare_strides.main()
    assert not (tmp_path / 'work').exists()


def test_missing_images_and_weights_are_said_first(toy, tmp_path, monkeypatch):
    row = dict(
        config=str(ROOT / 'configs' / 'ae_r50_s4_512_coco.py'),
        options={'model.backbone.init_cfg.checkpoint': 'w.pth'},
    )
    path = write_comparison(tmp_path / 'c.py', toy, rows=[row])
    args = ['', str(path), '--work-dir', str(tmp_path / 'work')]
    monkeypatch.setattr(sys, 'argv', args)
    with pytest.raises(UserError, match=r'There is no w\.pth'):
        compare_strides.main()
    write_comparison(path, toy)
    (toy / 'val2017').rename(toy / 'elsewhere')
    try:
        with pytest.raises(UserError, match='val2017/, which row ae needs'):
            compare_strides.main()
    finally:
        (toy / 'elsewhere').rename(toy / 'val2017')
    monkeypatch.setattr(sys, 'argv', [*args, '--gpus', '99'])
    with pytest.raises(UserError, match=r'--gpus is 99.* has'):
        compare_strides.main()


def test_command_of_a_row(monkeypatch):
    """The command of the comparison, on several GPUs under torchrun."""
    given = ['c.py', '--gpus', '2', '--cfg-options', 'a.b=1', 'c=[1,2]']
    monkeypatch.setattr(sys, 'argv', ['compare_strides.py', *given])
    tool = [compare_strides.__file__, *given, '--row', 'ae']
    assert compare_strides.row_command(1, 'ae') == [sys.executable, *tool]
    command = compare_strides.row_command(2, 'ae')
    assert command[1:3] == ['-m', 'torch.distributed.run']
    assert '--nproc_per_node=2' in command
    assert '--standalone' in command  # a port of its own
    assert command[-len(tool) :] == tool


@pytest.mark.slow
def test_a_row_is_tested_with_the_weights_of_its_file(
    toy, tmp_path, monkeypatch
):
    """The mean of EMAHook, not what it is the mean of."""
    hook = dict(type='EMAHook', momentum=0.5)
    path = write_comparison(
        tmp_path / 'x.py',
        toy,
        rows=[dict(ROWS[1], epochs=1)],
        options={  # there is one visualizer of each name in a process
            **TINY,
            'custom_hooks': [hook],
            'visualizer.name': 'row',
        },
    )
    tested = {}

    def test(runner):
        tested.update(runner.model.state_dict())
        return {}

    monkeypatch.setattr(row_file.Runner, 'test', test)
    monkeypatch.setattr(row_file, 'coco_metrics', lambda _: {})
    monkeypatch.setattr(row_file, 'describe_model', lambda *_: {})
    args = ['', str(path), '--work-dir', str(tmp_path), '--row', 'poet']
    monkeypatch.setattr(sys, 'argv', args)
    assert compare_strides.main() == 0
    (file,) = tmp_path.glob('rows/*/epoch_1.pth')
    saved = torch.load(file)
    name = 'head.input_proj.weight'
    assert torch.equal(tested[name], saved['state_dict'][name])
    assert not torch.equal(
        tested[name], saved['ema_state_dict'][f'module.{name}']
    )
    monkeypatch.setattr(sys, 'argv', [*args[:-1], 'ae'])
    with pytest.raises(UserError, match=r'no row ae .* only poet\.'):
        compare_strides.main()


@pytest.mark.parametrize(
    ('code', 'text', 'error'),
    [
        (1, 'Traceback\nValueError: so\n', 'ValueError: so'),
        (1, '', 'no output'),
        (-signal.SIGKILL, 'x', 'ended by SIGKILL'),
    ],
)
def test_last_error(tmp_path, code, text, error):
    log = tmp_path / 'log'
    log.write_text(text)
    assert compare_strides.last_error(str(log), code) == error


def test_curve_of_any_evaluator():
    records = [
        dict(step=5, epoch=1, loss=3.0),
        {'step': 1, 'crowdpose/AP': 0.25},
        {'step': 2, 'crowdpose/AP': 0.5},
    ]
    (point,) = row_file.read_curve(records, epochs=1)
    assert (point['epoch'], point['AP']) == (1, 25)
    assert point['losses'] == dict(loss=3.0)
