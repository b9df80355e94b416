"""Make ``tools/`` and the helpers importable; be silent and repeatable.

The tests of ``poet_mm/PACKAGE/FILE.py`` are in ``tests/PACKAGE/test_FILE.py``
(long ones also in ``test_FILE_PART.py``), those of ``tools/TOOL.py`` in
``tests/tools/test_TOOL.py``, and tests of several packages together in
``tests/integration/``.
"""

import argparse
import sys
from pathlib import Path

import pytest
import torch
from mmengine.registry import init_default_scope

TESTS = Path(__file__).resolve().parent
sys.path[:0] = [str(TESTS), str(TESTS.parent), str(TESTS.parent / 'tools')]
pytest.register_assert_rewrite(
    'fuzz',
    'head_kinds',
    'helpers',
    'known_predictions',
    'loopback',
    'random_release',
    'tool_runs',
)


def pytest_runtest_setup(item):
    if item.get_closest_marker('gpu') and not torch.cuda.is_available():
        pytest.skip('needs a GPU that torch sees')


@pytest.fixture
def device(request):
    """The CPU, or the device of a mark in ``devices.py``; without TF32."""
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield getattr(request, 'param', 'cpu')


@pytest.fixture(scope='session')
def model_files(tmp_path_factory):
    """Config and checkpoint of a tiny model for synthetic people."""
    from helpers import ROOT, write_random_checkpoint, write_tiny_config

    folder = tmp_path_factory.mktemp('model')
    config = write_tiny_config(folder / 'tiny.py', ROOT)
    checkpoint = write_random_checkpoint(folder / 'tiny.pth', config)
    return str(config), str(checkpoint)


@pytest.fixture(scope='module')
def world(tmp_path_factory):
    """Config, data and checkpoint of a model with known predictions."""
    from known_predictions import make_world

    return make_world(tmp_path_factory.mktemp('world'))


@pytest.fixture(scope='module')
def release():
    """Small random weights in the layout of the authors' release."""
    from random_release import SMALL, random_release

    return random_release(**SMALL)


@pytest.fixture(scope='module')
def release_file(release, tmp_path_factory):
    """As the authors' training writes it, with classes not of torch."""
    path = tmp_path_factory.mktemp('release') / 'release.pth'
    args = argparse.Namespace(num_queries=7)
    torch.save(
        dict(
            model=release, optimizer={}, lr_scheduler={}, epoch=249, args=args
        ),
        path,
    )
    return str(path)


@pytest.fixture(scope='module')
def conversion(release_file):
    """The weights of ``release_file`` for our model."""
    from random_release import small_cfg

    from poet_mm.checkpoints.convert import convert

    return convert('poet', release_file, small_cfg())


@pytest.fixture
def detr_file(tmp_path):
    """Path and weights of a small random DETR."""
    from random_release import DETR, SMALL, random_release

    weights = random_release(**dict(SMALL, num_queries=100), outputs=DETR)
    torch.save(dict(model=weights), tmp_path / 'detr.pth')
    return str(tmp_path / 'detr.pth'), weights


@pytest.fixture
def tiny_zoo(release_file, tmp_path, monkeypatch):
    """A server that plays Zenodo; its zoo has one small release, `tiny`."""
    from loopback import RECORD, serve, write_zoo
    from random_release import small_cfg

    small_cfg().dump(str(tmp_path / 'small.py'))
    with serve({'release.pth': Path(release_file).read_bytes()}) as server:
        entry = dict(
            Name='tiny',
            Config='small.py',
            Weights=f'{server.url}/files/release.pth',
            Record=server.url + RECORD,
            Convert='poet',
        )
        path = write_zoo(tmp_path / 'zoo.yml', entry)
        monkeypatch.setenv('POET_MM_ZOO', path)
        monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
        yield server


@pytest.fixture(autouse=True)
def _seed_and_scope():
    torch.manual_seed(0)
    init_default_scope('mmpose')
