"""Killed at any moment and resumed, the curve is that of a whole run."""

import json
import multiprocessing
import os
import signal
import stat
from pathlib import Path

import pytest
import torch
from make_toy_coco import make_toy_coco
from mmengine.runner import Runner
from tiny_training import EPOCHS, tiny_config

from poet_mm.checkpoints.resume import choose_checkpoint, find_fault
from poet_mm.checkpoints.safe_load import safe_loading
from poet_mm.engine.hooks.non_finite import NonFiniteHook

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != 'posix', reason='needs SIGKILL'),
]


@pytest.fixture(scope='module')
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp('faults_toy')
    make_toy_coco(folder, 8, 2, 64, 0)
    return folder


class Killer:
    """Kills this process at the n-th moment of those that it counts."""

    def __init__(self, at):
        self.at, self.count = at, 0

    def moment(self, path=None):
        self.count += 1
        if self.count == self.at:
            if path is not None and stat.S_ISREG(os.fstat(path).st_mode):
                # half of it was on the disk
                os.truncate(path, os.fstat(path).st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)

    def before(self, function, is_file=False):
        def wrapped(*args, **kwargs):
            self.moment(*args[:1] if is_file else ())
            return function(*args, **kwargs)

        return wrapped


def train_until_killed(toy, work_dir, at, queue):
    """Go on with a run; in a process of its own."""
    torch.set_num_threads(1)
    killer = Killer(at)
    os.fsync = killer.before(os.fsync, is_file=True)
    os.replace = killer.before(os.replace)
    os.remove = killer.before(os.remove)
    NonFiniteHook.before_train_iter = killer.before(
        NonFiniteHook.before_train_iter
    )
    cfg = tiny_config(toy, work_dir)
    choose_checkpoint(cfg, 'auto')
    with safe_loading():
        Runner.from_cfg(cfg).train()
    queue.put(killer.count)


@pytest.fixture(scope='module')
def go_on():
    """Start or resume a run -> moments passed, None if it was killed."""
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload([__name__, 'poet_mm', 'mmpose.apis'])

    def go_on(toy, work_dir, at=0):
        queue = context.SimpleQueue()
        child = context.Process(
            target=train_until_killed, args=(toy, work_dir, at, queue)
        )
        child.start()
        child.join()
        assert child.exitcode == (-signal.SIGKILL if at else 0)
        return None if at else queue.get()

    return go_on


def curve(work_dir):
    """Step -> all that the log says of it, but for times; each was written
    once or, by a run that was resumed from before it, twice alike."""
    records = {}
    for path in sorted(Path(work_dir).glob('*/vis_data/scalars.json')):
        for line in path.read_text().splitlines():
            record = json.loads(line)
            if 'loss' not in record:
                continue
            record = {
                name: value
                for name, value in record.items()
                if 'time' not in name and name != 'memory'
            }
            step = record['step']
            assert records.setdefault(step, record) == record, step
    return records


def test_killed_anywhere_and_resumed(toy, tmp_path, go_on):
    """A run that is killed again and again, at moments in and between steps,
    files and validations, has the curve of one that was not, to the bit."""
    moments = go_on(toy, tmp_path / 'whole')
    expected = curve(tmp_path / 'whole')
    assert sorted(expected) == list(range(1, 2 * EPOCHS + 1))
    assert moments > 20

    broken = tmp_path / 'broken'
    # the 2nd step; half of the first checkpoint; all of it, without its name;
    # the 3rd step; the older checkpoint not yet removed
    for at in (2, 3, 4, 9, 5):
        go_on(toy, broken, at)
        for path in broken.glob('epoch_*.pth'):
            assert not find_fault(str(path))
    go_on(toy, broken)
    assert curve(broken) == expected

    def weights(folder):
        return torch.load(folder / f'epoch_{EPOCHS}.pth')

    got, wanted = weights(broken), weights(tmp_path / 'whole')
    for name, value in wanted['state_dict'].items():
        assert torch.equal(got['state_dict'][name], value)
    states = wanted['optimizer']['state']
    for key, state in states.items():
        for name, value in state.items():
            assert torch.equal(got['optimizer']['state'][key][name], value)
    assert not list(broken.glob('*.part'))
    assert (
        (broken / 'last_checkpoint')
        .read_text()
        .endswith(f'epoch_{EPOCHS}.pth')
    )
