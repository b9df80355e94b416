"""tools/setup_env.sh, its stand-in for mmcv's operators, the other scripts."""

import importlib.util
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import setuptools
from helpers import ROOT

SCRIPTS = [*sorted((ROOT / 'tools').glob('*.sh')), ROOT / '.ci' / 'run']
UTILITIES = ['bash', 'cat', 'cksum', 'dirname', 'mkdir', 'mv', 'python3', 'rm']
SUPPORTED = runpy.run_path(ROOT / 'poet_mm/stack.py')['SUPPORTED']
NO_OPS = ROOT / 'requirements/mmcv_no_ops/mmcv/_ext.py'
UV = """\
#!{bash}
echo "uv $@" >>'{calls}'
case "$*" in
  {failing}) exit 1 ;;
  venv*) {mkdir} -p '{venv}/bin' && {ln} -sf '{python}' '{venv}/bin/python' ;;
esac
"""


class Machine:
    """A clone, a cache with a uv that only notes its calls, a bare PATH."""

    def __init__(self, folder):
        self.clone, self.bin_dir = folder / 'clone', folder / 'bin'
        self.cache, self.calls = folder / 'cache', folder / 'calls'
        for name in ['requirements', 'tools', 'poet_mm/stack.py', 'setup.py']:
            (self.clone / name).parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, self.clone / name)
        self.bin_dir.mkdir()
        for name in UTILITIES:
            (self.bin_dir / name).symlink_to(shutil.which(name))
        # supported whatever the environment of these tests has
        (self.clone / 'poet_mm/stack.py').write_text('')
        self.bring_uv()

    def bring_uv(self, failing='nothing'):
        """Put a uv into the cache that fails on calls of a pattern."""
        pin = (ROOT / 'requirements/uv.txt').read_text().strip()
        uv = self.cache / 'poet_mm' / pin / 'bin' / 'uv'
        uv.parent.mkdir(parents=True, exist_ok=True)
        names = {name: shutil.which(name) for name in ('bash', 'mkdir', 'ln')}
        uv.write_text(
            UV.format(
                calls=self.calls,
                failing=failing,
                venv=self.clone / '.venv',
                python=os.path.realpath(sys.executable),
                **names,
            )
        )
        uv.chmod(0o755)

    def set_up(self, *args, code=0, **env):
        """Return stderr of the set-up, and the calls of uv."""
        self.calls.write_text('')
        job = subprocess.run(
            ['bash', self.clone / 'tools/setup_env.sh', *args],
            text=True,
            capture_output=True,
            env=dict(
                dict(PATH=str(self.bin_dir), XDG_CACHE_HOME=str(self.cache)),
                **env,
            ),
        )
        assert job.returncode == code, job.stderr
        assert job.stdout == ''
        return job.stderr, self.calls.read_text().splitlines()


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


@pytest.mark.slow
def test_second_run_changes_nothing_until_the_pins_do(machine):
    _, calls = machine.set_up()
    assert [call.split()[1] for call in calls] == ['venv', *['pip'] * 3]
    assert 'requirements/stack.txt' in calls[1]
    assert '--offline' in calls[1]
    assert 'requirements/mmcv_no_ops' in calls[3]
    assert machine.set_up() == ('', [])
    (machine.clone / 'requirements/stack.txt').write_text('torch==9')
    assert len(machine.set_up()[1]) == 4
    machine.clone.rename(machine.clone.with_name('moved'))
    machine.clone = machine.clone.with_name('moved')
    assert len(machine.set_up()[1]) == 4


@pytest.mark.slow
def test_environment_stays_of_its_kind(machine):
    """Until an option or a Python asks for another."""
    _, calls = machine.set_up('--stack', 'torch21')
    assert 'requirements/torch21.txt' in calls[1]
    assert machine.set_up() == ('', [])
    _, calls = machine.set_up(PYTHON='3.12')
    assert '-p 3.12' in calls[0]
    assert 'requirements/torch21.txt' in calls[1]
    assert machine.set_up() == ('', [])
    assert 'requirements/stack.txt' in machine.set_up('--stack', 'stack')[1][1]


@pytest.mark.slow
def test_environment_of_somebody_else_stays(machine):
    own = machine.clone / '.venv' / 'own'
    own.parent.mkdir()
    own.touch()
    assert '.venv' in machine.set_up(code=2)[0]
    assert own.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ('failing', 'tried'),
    [
        ('*--offline*', ['--dry-run --torch-backend=auto', '--torch-backend']),
        (
            '*--offline*stack.txt* | *--torch-backend*',
            ['--dry-run', '--compile'],
        ),
    ],
)
def test_asks_the_network_last(machine, failing, tried):
    """PyTorch's index first, then that of pip."""
    machine.bring_uv(failing)
    code = 2 * (
        failing == '*--offline*'
    )  # poet_mm itself is installed offline
    message, calls = machine.set_up(code=code)
    assert 'downloading' in message
    assert '--offline' in calls[1]
    assert '--offline' in calls[2]
    for call, expected in zip(calls[3:], tried):
        assert expected in call
    assert ('--torch-backend' in calls[4]) is (failing == '*--offline*')


@pytest.mark.slow
@pytest.mark.parametrize(
    ('failing', 'args', 'expected'),
    [
        ('venv*', [], '>=3.10,<3.14'),
        ('pip*', [], 'PIP_INDEX_URL'),
        ('nothing', ['--gpu'], '--gpu'),
        ('nothing', ['--stack'], "''"),
        ('nothing', ['--stack', 'torch9'], 'torch9'),
        ('nothing', ['--stack', 'excludes'], 'excludes'),
    ],
)
def test_failure_is_one_sentence_and_leaves_nothing(
    machine, failing, args, expected
):
    machine.bring_uv(failing)
    message, _ = machine.set_up(*args, code=2)
    assert expected in message.splitlines()[-1]
    assert not (machine.clone / '.venv').exists()
    machine.bring_uv()
    assert len(machine.set_up()[1]) == 4


@pytest.mark.slow
def test_uv_is_needed(machine):
    shutil.rmtree(machine.cache)
    (machine.bin_dir / 'python3').unlink()
    message, _ = machine.set_up(code=2)
    assert 'apt install python3-pip' in message


@pytest.mark.slow
def test_no_venv_names_what_is_missing(machine):
    shutil.copy(ROOT / 'poet_mm/stack.py', machine.clone / 'poet_mm/stack.py')
    python = machine.bin_dir / 'python'
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n')
    python.chmod(0o755)
    message, calls = machine.set_up('--no-venv', code=2)
    assert calls == []
    for module in SUPPORTED:
        assert f'{module} is not installed' in message


def test_stand_ins_are_found_and_raise_when_called():
    spec = importlib.util.spec_from_file_location('_ext', NO_OPS)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert not hasattr(module, '__path__')  # Python asks for such names
    with pytest.raises(NotImplementedError, match=r'nms.*--with-ops'):
        module.nms()


@pytest.mark.slow
def test_installing_the_package_touches_no_library(tmp_path):
    """In an environment with everything, only poet_mm is installed.

    Its libraries are stand-ins: metadata alone, of supported versions.
    """
    venv = tmp_path / 'venv'
    subprocess.run([sys.executable, '-m', 'venv', venv], check=True)
    site = next(venv.glob('lib/python*/site-packages'))
    names = dict.fromkeys([*SUPPORTED, 'jinja2', 'rich', 'tabulate'], '99.0')
    names.update(mmengine='0.10.7', mmdet='3.3.0', mmpose='1.3.2', torch='2.1')
    names.update(numpy='1.26.4')
    names['mmcv-lite'] = names.pop('mmcv')
    for name, version in names.items():
        info = site / f'{name.replace("-", "_")}-{version}.dist-info'
        info.mkdir()
        info.joinpath('METADATA').write_text(
            f'Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n'
        )
    clone = tmp_path / 'clone'
    ignored = shutil.ignore_patterns('.*', 'work_dirs', 'data', 'tests')
    shutil.copytree(ROOT, clone, ignore=ignored)
    build = tmp_path / 'build'
    build.mkdir()
    for pattern in ('setuptools*', 'pkg_resources', 'wheel*', 'packaging'):
        for path in Path(setuptools.__file__).parents[1].glob(pattern):
            (build / path.name).symlink_to(path)
    before = {path.name for path in site.glob('*.dist-info')}
    subprocess.run(
        [
            *(venv / 'bin/python', '-m', 'pip', 'install', '--no-index'),
            *('--no-build-isolation', clone),
        ],
        check=True,
        env=dict(PYTHONPATH=str(build), PIP_CONFIG_FILE=os.devnull),
    )
    after = {path.name for path in site.glob('*.dist-info')}
    assert after - before == {'poet_mm-0.1.0.dist-info'}
    assert before <= after
    configs = site / 'poet_mm/.mim/configs'
    assert {path.name for path in configs.iterdir()} >= {
        path.name
        for path in (ROOT / 'configs').iterdir()
        if path.name != '__pycache__'
    }


@pytest.mark.slow
def test_ci_runs_exactly_the_tests(machine):
    (machine.clone / 'tools/run_tests.sh').write_text('echo "$0" "$#"')
    shutil.copytree(ROOT / '.ci', machine.clone / '.ci')
    job = subprocess.run(
        [machine.clone / '.ci/run'], capture_output=True, text=True, check=True
    )
    assert job.stdout == 'tools/run_tests.sh 0\n'


@pytest.mark.slow
@pytest.mark.parametrize('path', SCRIPTS, ids=lambda path: path.name)
def test_script_parses(path):
    subprocess.run(['bash', '-n', path], check=True)
