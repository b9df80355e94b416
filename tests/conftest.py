"""Make ``tools/`` and the helpers importable; be silent and repeatable."""
import sys
from pathlib import Path

import pytest
import torch
from mmengine.registry import init_default_scope

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / 'tools')]


@pytest.fixture(scope='session')
def model_files(tmp_path_factory):
    """Config and checkpoint of a tiny model for toy people."""
    from helpers import write_random_checkpoint, write_tiny_config
    folder = tmp_path_factory.mktemp('model')
    config = write_tiny_config(folder / 'tiny.py', ROOT)
    checkpoint = write_random_checkpoint(folder / 'tiny.pth', config)
    return str(config), str(checkpoint)


@pytest.fixture(autouse=True)
def _seed_and_scope():
    torch.manual_seed(0)
    init_default_scope('mmpose')
