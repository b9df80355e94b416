"""tools/check_stack.py, and that importing poet_mm patches nothing."""

import subprocess
import sys

import check_stack as tool
import pytest
from helpers import ROOT


def test_reports_this_environment(monkeypatch, capsys):
    monkeypatch.setattr(tool, 'IMPORTS', 'import numpy')
    monkeypatch.setattr(sys, 'argv', ['check_stack.py'])
    assert tool.main() == 0
    lines = capsys.readouterr().out.splitlines()
    found = {line.split()[0]: line.split()[1] for line in lines if line}
    for module in tool.stack['SUPPORTED']:
        assert found[module] == (
            tool.stack['installed_version'](module) or '-'
        )


def test_names_a_library_that_cannot_be_imported(monkeypatch):
    monkeypatch.setattr(tool, 'IMPORTS', 'raise ImportError("no _ext")')
    assert 'ImportError: no _ext' in tool.find_problem()
    monkeypatch.setattr(tool, 'IMPORTS', 'import os; os.abort()')
    assert 'exit code -' in tool.find_problem()


@pytest.mark.slow
def test_runs_without_any_library(tmp_path):
    """Isolated Python of a clone: no libraries, no current folder."""
    job = subprocess.run(
        [sys.executable, '-I', '-S', ROOT / 'tools' / 'check_stack.py'],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert job.returncode == 1
    assert job.stderr == ''
    assert 'mmpose is not installed' in job.stdout


NO_PATCHES = """\
import sys
import mmcv.ops, mmdet.models, mmengine, mmpose.apis, mmpose.datasets
import mmpose.evaluation, mmpose.models, mmpose.visualization, torch

LIBRARIES = ('mmcv', 'mmdet', 'mmengine', 'mmpose', 'torch', 'numpy', 'cv2')


def contents():
    found = {}
    for name, module in list(sys.modules.items()):
        if name.split('.')[0] not in LIBRARIES:
            continue
        for key, value in list(vars(module).items()):
            found[name, key] = id(value)
            if isinstance(value, type) and value.__module__ == name:
                for attribute, function in list(vars(value).items()):
                    if callable(function):
                        found[name, key, attribute] = id(function)
    return found


before = contents()
assert len(before) > 10000
import poet_mm
after = contents()
mmpose.models.BottomupPoseEstimator.predict = print
for contents in after, contents():
    print([key for key in before if before[key] != contents.get(key)
           and not key[-1].startswith('__')
           and 'safe_globals' not in key[-1]])  # torch's list of them
"""


@pytest.mark.slow
def test_nothing_is_patched():
    """Importing poet_mm changes no function and no class of a library; the
    check itself is tried on a patch."""
    job = subprocess.run(
        [sys.executable, '-c', NO_PATCHES], capture_output=True, text=True
    )
    assert job.returncode == 0, job.stderr
    imported, patched = map(eval, job.stdout.splitlines()[-2:])
    assert imported == []
    assert patched == [
        (
            'mmpose.models.pose_estimators.bottomup',
            'BottomupPoseEstimator',
            'predict',
        )
    ]
