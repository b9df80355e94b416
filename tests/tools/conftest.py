"""Synthetic people, a training on them, and a run of tools/infer.py."""

import infer
import pytest
import tool_runs
from make_toy_coco import make_toy_coco


@pytest.fixture(scope='session')
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp('toy')
    make_toy_coco(folder, 8, 4, 64, 0)
    return folder


@pytest.fixture(scope='session')
def trained(toy, tmp_path_factory):
    work_dir = tmp_path_factory.mktemp('trained')
    tool_runs.run(
        'train.py',
        tool_runs.CONFIG,
        '--data-root',
        toy,
        '--work-dir',
        work_dir,
        *tool_runs.TINY,
    )
    return work_dir


@pytest.fixture
def model(model_files):
    """The flags of a tiny model."""
    config, checkpoint = model_files
    return ['--config', config, '--weights', checkpoint, '--device', 'cpu']


@pytest.fixture
def run(model, tmp_path):
    """Run the tool; -> exit code and the folder of results."""

    def run(*args):
        out = tmp_path / 'out'
        args = [*args, *model, '--out', out]
        return infer.main([str(arg) for arg in args]), out

    return run
