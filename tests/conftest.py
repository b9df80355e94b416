"""Make ``tools/`` and the helpers importable; be silent and repeatable.

The tests of ``poet_mm/ROOM/FILE.py`` are in ``tests/ROOM/test_FILE.py`` (long
ones also in ``test_FILE_PART.py``), those of ``tools/TOOL.py`` in
``tests/tools/test_TOOL.py``, and tests of several rooms together in
``tests/integration/``.
"""
import sys
from pathlib import Path

import pytest
import torch
from mmengine.registry import init_default_scope

TESTS = Path(__file__).resolve().parent
sys.path[:0] = [str(TESTS), str(TESTS.parent), str(TESTS.parent / 'tools')]


@pytest.fixture(scope='session')
def model_files(tmp_path_factory):
    """Config and checkpoint of a tiny model for toy people."""
    from helpers import ROOT, write_random_checkpoint, write_tiny_config
    folder = tmp_path_factory.mktemp('model')
    config = write_tiny_config(folder / 'tiny.py', ROOT)
    checkpoint = write_random_checkpoint(folder / 'tiny.pth', config)
    return str(config), str(checkpoint)


@pytest.fixture(autouse=True)
def _seed_and_scope():
    torch.manual_seed(0)
    init_default_scope('mmpose')
