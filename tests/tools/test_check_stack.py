"""tools/check_stack.py: what it finds in the code, and what it prints."""
import re
import subprocess
import sys

import check_stack as tool
import pytest
from helpers import ROOT

WORKAROUNDS = list(tool.find_workarounds())


def test_finds_every_comment():
    """None is left out because it is written in another form."""
    files = [path for pattern in tool.SEARCHED for path in ROOT.glob(pattern)]
    files.remove(ROOT / 'tools' / 'check_stack.py')
    count = sum(len(re.findall(r'^ *# *work-?around', path.read_text(),
                               re.MULTILINE | re.IGNORECASE))
                for path in files)
    assert count == len(WORKAROUNDS) > 15


@pytest.mark.parametrize('workaround', WORKAROUNDS, ids=lambda x: x.place)
def test_comment_says_what_and_until_when(workaround):
    assert workaround.module in {*tool.stack['SUPPORTED'], *tool.OPTIONAL}
    assert re.fullmatch(r'[<>]=?\d+(\.\d+)*', workaround.versions)
    assert len(workaround.text) > 40
    assert workaround.text.endswith(('.', ')'))
    assert '#' not in workaround.text


def test_comment_of_several_lines(tmp_path):
    path = tmp_path / 'tools' / 'one.py'
    path.parent.mkdir()
    path.write_text('x = 1\n'
                    'def f():\n'
                    '    # Workaround (mmcv<=2.1.0): first line,\n'
                    '    # second line.\n'
                    '    return 1  # other\n'
                    '# Workaround (torch<2.4): short.\n'
                    '\n'
                    '# not of it\n')
    assert list(tool.find_workarounds(tmp_path)) == [
        ('mmcv', '<=2.1.0', 'first line, second line.', 'tools/one.py:3'),
        ('torch', '<2.4', 'short.', 'tools/one.py:6')
    ]


@pytest.mark.parametrize(('version', 'applies'), [
    ('2.1.0', True), ('2.1.0+cu121', True), ('2.2.0', False), (None, False),
    ('onedl-mmcv 2.1.0', True), ('onedl-mmcv 2.3.6', False)
])
def test_applies_to_what_is_installed(monkeypatch, version, applies):
    monkeypatch.setattr(tool, 'installed', lambda module: version)
    bite = tool.Workaround('mmcv', '<=2.1.0', 'It bites.', 'here.py:1')
    assert bite.applies() is applies


def test_broken_library_is_said(monkeypatch):
    monkeypatch.setitem(tool.PROBES, 'mmcv', 'raise ImportError("no _ext")')
    monkeypatch.setitem(tool.PROBES, 'torch', 'import os; os.abort()')
    assert tool.probe('mmcv') == 'BROKEN: ImportError: no _ext'
    assert tool.probe('torch').startswith('BROKEN: ended with -')
    problem, = tool.problem_lines([
        tool.row('mmcv', '2.1.0', '<2.2', tool.probe('mmcv'))])
    assert 'mmcv cannot be imported' in problem


@pytest.mark.parametrize('module', tool.PROBES)
def test_probe(module, capsys):
    """In this process, to save the time of imports."""
    exec(tool.PROBES[module], {})
    line, = capsys.readouterr().out.splitlines()
    assert len(line) > 5


def test_reports_this_environment(monkeypatch, capsys):
    monkeypatch.setattr(tool, 'PROBES', {'numpy': 'print("fine")'})
    monkeypatch.setattr(sys, 'argv', ['check_stack.py'])
    assert tool.main() == 0
    lines = capsys.readouterr().out.splitlines()
    words = {line.split()[0]: line.split() for line in lines if line}
    for module in tool.stack['SUPPORTED']:
        version = tool.stack['installed_version'](module)
        assert version is None or words[module][1] == version
    assert words['numpy'][-1] == 'fine'
    assert 'poet_mm can run here.' in lines
    assert any(line.startswith('* mmpose<=1.3.2') for line in lines)


def test_runs_without_any_library(tmp_path):
    """Isolated Python of a clone: no libraries, no current folder."""
    job = subprocess.run(
        [sys.executable, '-I', '-S', ROOT / 'tools' / 'check_stack.py'],
        capture_output=True, text=True, cwd=tmp_path)
    assert job.returncode == 1
    assert job.stderr == ''
    assert 'mmpose is not installed' in job.stdout
    assert 'Unnecessary with these versions' in job.stdout


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


def test_nothing_is_patched():
    """Importing poet_mm changes no function and no class of a library; the
    check itself is tried on a patch."""
    job = subprocess.run([sys.executable, '-c', NO_PATCHES],
                         capture_output=True, text=True)
    assert job.returncode == 0, job.stderr
    imported, patched = map(eval, job.stdout.splitlines()[-2:])
    assert imported == []
    assert patched == [('mmpose.models.pose_estimators.bottomup',
                        'BottomupPoseEstimator', 'predict')]
