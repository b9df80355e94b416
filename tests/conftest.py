"""Make ``tools/`` and the helpers importable; be silent and repeatable."""
import sys
from pathlib import Path

import pytest
import torch
from mmengine.registry import init_default_scope

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / 'tools')]


@pytest.fixture(autouse=True)
def _seed_and_scope():
    torch.manual_seed(0)
    init_default_scope('mmpose')
