"""Run a tool in a process of its own, and read what a training logs."""

import json
import os
import subprocess
import sys
from pathlib import Path

from helpers import ROOT

CONFIG = ROOT / 'configs' / 'poet_r18_toy.py'
TINY = [
    '--cfg-options',
    'model.backbone.base_channels=8',
    'model.backbone.stem_channels=8',
    'model.head.in_channels=32',
    'train_cfg.max_epochs=2',
    'train_cfg.val_interval=1',
    'param_scheduler=[]',
    'train_dataloader.batch_size=4',
    'default_hooks.checkpoint.interval=1',
    'default_hooks.logger.interval=1',
]


def run(tool, *args, check=True):
    """Run a tool in a process of its own; -> its output."""
    result = subprocess.run(
        [sys.executable, ROOT / 'tools' / tool, *map(str, args)],
        capture_output=True,
        text=True,
        env=dict(os.environ, PYTHONFAULTHANDLER='1'),
    )  # says where it crashed
    output = result.stdout + result.stderr
    assert (result.returncode == 0) == check, output[-3000:]
    return output


def scalars(work_dir):
    (path,) = Path(work_dir).glob('*/vis_data/scalars.json')
    return [json.loads(line) for line in path.read_text().splitlines()]


def losses(work_dir):
    return [record['loss'] for record in scalars(work_dir) if 'loss' in record]
