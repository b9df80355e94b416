"""tools/compare_row.py: the weights that it tests, its parent process."""
import os
import subprocess
import sys

import pytest
import torch
from make_toy_coco import make_toy_coco
from tiny_comparison import ROWS, TINY, write_comparison

from poet_mm.comparison import training


@pytest.fixture(scope='module')
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp('toy')
    make_toy_coco(folder, 24, 4, 64, 0)
    return folder


def test_a_row_is_tested_with_the_weights_of_its_file(toy, tmp_path,
                                                      monkeypatch):
    """The mean of EMAHook, not what it is the mean of."""
    import compare_row
    hook = dict(type='EMAHook', momentum=0.5)
    path = write_comparison(
        tmp_path / 'x.py', toy, rows=[dict(ROWS[1], epochs=1)],
        options={  # there is one visualizer of each name in a process
            **TINY, 'custom_hooks': [hook], 'visualizer.name': 'row'})
    tested = {}

    def test(runner):
        tested.update(runner.model.state_dict())
        return {}

    monkeypatch.setattr(training.Runner, 'test', test)
    monkeypatch.setattr(training, 'coco_metrics', lambda _: {})
    monkeypatch.setattr(training, 'describe', lambda *_: {})
    monkeypatch.setattr(
        sys, 'argv',
        ['compare_row.py', str(path), 'poet', '--work-dir', str(tmp_path),
         '--progress', 'x', '--rows-left', '0', '--watch', str(os.getpid())])
    compare_row.run_row(compare_row.parse_args())
    file, = tmp_path.glob('rows/*/epoch_1.pth')
    saved = torch.load(file)
    name = 'head.input_proj.weight'
    assert torch.equal(tested[name], saved['state_dict'][name])
    assert not torch.equal(
        tested[name], saved['ema_state_dict'][f'module.{name}'])


def test_own_process_is_watched():
    from poet_mm.comparison.training import is_alive
    assert is_alive(os.getpid())
    child = subprocess.Popen(['true'])
    child.wait()
    assert not is_alive(child.pid)
