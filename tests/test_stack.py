"""The version checks, on made-up environments, and the pinned versions."""

import re
import runpy
import subprocess
import sys

import pytest
from helpers import ROOT

from poet_mm import stack

GOOD = {
    'torch': '2.1.2+cu121',
    'torchvision': '0.16.2',
    'numpy': '1.26.4',
    'scipy': '1.17.1',
    'pycocotools': '2.0.8',
    'xtcocotools': '1.14.3',
    'mmengine': '0.10.7',
    'mmcv': '2.1.0',
    'mmdet': '3.3.0',
    'mmpose': '1.3.2',
}
IMPORT_NAMES = {
    'mmcv-lite': 'mmcv',
    'onedl-mmcv': 'mmcv',
    'onedl-mmengine': 'mmengine',
    'onedl-mmdetection': 'mmdet',
}


@pytest.fixture
def pretend(monkeypatch):
    """``pretend(mmcv=None, **{'mmcv-lite': '2.1.0'})`` changes GOOD."""

    def install(**changes):
        found = {
            name: version
            for name, version in {**GOOD, **changes}.items()
            if version
        }
        modules = {IMPORT_NAMES.get(name, name) for name in found}
        monkeypatch.setattr(stack, 'installed_version', found.get)
        monkeypatch.setattr(stack, 'is_importable', modules.__contains__)

    return install


@pytest.mark.parametrize(
    'changes',
    [
        {},
        {
            'mmengine': None,
            'mmcv': None,
            'mmdet': None,
            'onedl-mmengine': '0.10.12',
            'onedl-mmcv': '2.3.0',
            'onedl-mmdetection': '3.5.0',
        },
        {'mmcv': None, 'mmcv-lite': '2.1.0', stack.NO_OPS: '1.0'},
    ],
)
def test_accepts_the_pinned_stack_and_forks(pretend, changes):
    pretend(**changes)
    stack.check_stack()


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'mmpose': None}, 'mmpose is not installed'),
        ({'mmpose': '0.29.0'}, 'mmpose 0.29.0 is installed'),
        ({'mmcv': '2.2.0'}, 'mmcv 2.2.0 is installed'),
        ({'mmcv': '2.0.0rc4'}, 'mmcv 2.0.0rc4 is installed'),
        ({'torch': '1.13.1'}, 'torch 1.13.1 is installed'),
        ({'mmcv': None, 'onedl-mmcv': '3.0.0'}, 'onedl-mmcv 3.0.0 is inst'),
        (
            {'mmcv': None, 'mmcv-lite': '2.1.0'},
            'mmcv-lite is installed without',
        ),
    ],
)
def test_names_found_supported_and_what_to_do(pretend, changes, message):
    pretend(**changes)
    with pytest.raises(ImportError) as error:
        stack.check_stack()
    module = IMPORT_NAMES.get(next(iter(changes)), next(iter(changes)))
    command = f" install '{module}{stack.SUPPORTED[module]}'\n"
    assert message in str(error.value)
    assert command in str(error.value)


def test_names_every_problem_at_once(pretend):
    pretend(torch=None, mmdet='2.28.0')
    with pytest.raises(ImportError, match=r'(?s)torch is not.*mmdet 2\.28\.0'):
        stack.check_stack()


def test_removed_files_count_as_not_installed(pretend, monkeypatch):
    pretend()
    monkeypatch.setattr(stack, 'is_importable', lambda name: name != 'scipy')
    with pytest.raises(ImportError, match='scipy is not installed'):
        stack.check_stack()


def test_source_tree_without_version_may_try(pretend, monkeypatch):
    pretend(mmpose=None)
    monkeypatch.setattr(stack, 'is_importable', lambda name: True)
    stack.check_stack()


def test_unsupported_python(pretend, monkeypatch):
    pretend()
    monkeypatch.setattr(sys, 'version_info', (3, 8, 18, 'final', 0))
    with pytest.raises(ImportError, match=r'Python >=3\.10, found 3\.8\.18'):
        stack.check_stack()


@pytest.mark.parametrize(
    ('version', 'supported', 'inside'),
    [
        ('2.1', '>=2.1.0', True),
        ('2.10.0a0+git123', '>=2.9', True),
        ('2.0.1', '>=2.1', False),
        ('1.0', '>=0.10.3,<1', False),
        ('0.99', '>=0.10.3,<1', True),
    ],
)
def test_in_range(version, supported, inside):
    assert stack.in_range(version, supported) is inside


@pytest.mark.slow
def test_check_imports_nothing_heavy():
    code = (
        'import runpy, sys; runpy.run_path(sys.argv[1]); '
        'sys.exit("torch" in sys.modules)'
    )
    subprocess.run([sys.executable, '-c', code, stack.__file__], check=True)


def test_pins_are_supported():
    stack = runpy.run_path(ROOT / 'poet_mm/stack.py')
    pinned = set()
    for path in (ROOT / 'requirements').glob('*.txt'):
        for name, version in re.findall(
            r'(?m)^([\w-]+)==(\S+)', path.read_text()
        ):
            name = 'mmcv' if name == 'mmcv-lite' else name
            if name in stack['SUPPORTED']:
                assert stack['in_range'](version, stack['SUPPORTED'][name])
                pinned.add(name)
    assert pinned == set(stack['SUPPORTED'])
