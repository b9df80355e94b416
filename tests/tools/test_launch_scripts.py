"""What dist_train.sh, dist_test.sh and slurm_train.sh would run."""

import os
import subprocess

import pytest
from helpers import ROOT


@pytest.mark.parametrize(
    ('script', 'args', 'expected'),
    [
        (
            'dist_train.sh',
            'C.py 2 --amp',
            '--nproc_per_node=2 TOOLS/train.py C.py --launcher pytorch --amp',
        ),
        (
            'dist_test.sh',
            'C.py X.pth 2 --out m.json',
            '--nproc_per_node=2 TOOLS/test.py C.py X.pth --launcher pytorch '
            '--out m.json',
        ),
        (
            'slurm_train.sh',
            'part job C.py work --amp',
            'TOOLS/train.py C.py --work-dir work --launcher slurm --amp',
        ),
    ],
)
def test_launch_scripts(script, args, expected, tmp_path):
    """What they would run, and how they are used."""
    for name in ('srun', 'python'):
        (tmp_path / name).write_text('#!/bin/sh\necho "$@"\n')
        (tmp_path / name).chmod(0o755)
    env = dict(os.environ, PATH=f'{tmp_path}:{os.environ["PATH"]}')
    env.pop('PYTHON', None)
    path = ROOT / 'tools' / script
    result = subprocess.run(
        ['bash', path, *args.split()], capture_output=True, text=True, env=env
    )
    assert expected.replace('TOOLS', str(ROOT / 'tools')) in result.stdout
    result = subprocess.run(['bash', path], capture_output=True, text=True)
    assert result.returncode == 2
    assert f'usage: bash tools/{script}' in result.stderr
