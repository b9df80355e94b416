"""tools/build_mmcv_wheel.py: a cached wheel is taken."""

import runpy
import subprocess
import sys

from helpers import ROOT


def test_cached_wheel_is_not_compiled_again(tmp_path):
    path = ROOT / 'tools/build_mmcv_wheel.py'
    key = runpy.run_path(path)['wheel_key']('mmcv==2.1.0')
    wheel = tmp_path / key / 'mmcv-2.1.0.whl'
    wheel.parent.mkdir()
    wheel.touch()
    job = subprocess.run(
        [sys.executable, path, '--cache', tmp_path, 'mmcv==2.1.0'],
        capture_output=True,
        text=True,
        check=True,
    )
    assert job.stdout == f'{wheel}\n'
    assert job.stderr == ''
