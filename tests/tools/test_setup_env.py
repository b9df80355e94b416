"""tools/setup_env.sh, and the other scripts."""

import runpy
import shutil
import subprocess
import sys

import pytest
from helpers import ROOT

SCRIPTS = [*sorted((ROOT / 'tools').glob('*.sh')), ROOT / '.ci' / 'run']
UTILITIES = ['bash', 'cat', 'cksum', 'dirname', 'grep', 'mkdir', 'tr']

# A Python that is this one, says it is no virtual environment's and has no
# ensurepip: there the set-up ends, had the compiler been all right.
NO_ENSUREPIP = f"""#!/bin/sh
case $2 in
  *ensurepip*) exit 1 ;;
  *base_prefix*) echo "$0" ;;
  *) exec '{sys.executable}' "$@" ;;
esac
"""


@pytest.fixture
def machine(tmp_path):
    """A clone, an empty cache, and a PATH with next to nothing on it."""
    clone, bin_dir = tmp_path / 'clone', tmp_path / 'bin'
    for name in ['requirements', 'tools', 'poet_mm/stack.py', '.ci']:
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, clone / name)
    bin_dir.mkdir()
    for name in UTILITIES:
        (bin_dir / name).symlink_to(shutil.which(name))
    return Machine(clone, bin_dir, tmp_path / 'cache')


class Machine:
    def __init__(self, clone, bin_dir, cache):
        self.clone, self.bin_dir, self.cache = clone, bin_dir, cache

    def add_command(self, name, script):
        path = self.bin_dir / name
        path.write_text(script)
        path.chmod(0o755)
        return path

    def add_wheel(self):
        tag = f'cp{sys.version_info.major}{sys.version_info.minor}'
        pin = (ROOT / 'requirements/mmcv.txt').read_text().strip()
        folder = f'{pin.replace("==", "-")}_torch-2.1.2_{tag}_linux-x86_64'
        path = self.cache / 'poet_mm' / folder / f'mmcv-{tag}.whl'
        path.parent.mkdir(parents=True)
        path.touch()

    def set_up(self, *args, **env):
        """Returns what the set-up complains about."""
        job = subprocess.run(
            ['bash', self.clone / 'tools/setup_env.sh', *args],
            text=True,
            capture_output=True,
            env=dict(
                env, PATH=str(self.bin_dir), XDG_CACHE_HOME=str(self.cache)
            ),
        )
        assert job.returncode == 1
        assert job.stdout == ''
        assert not (self.clone / '.venv').exists()
        return job.stderr


def test_unsupported_python(machine):
    machine.add_command('python3', '#!/bin/sh\necho 3.13\n')
    machine.add_command('python', '#!/bin/sh\nexit 127\n')  # a dead shim
    message = machine.set_up()
    assert message.count('\n') == 1
    assert (
        'Python 3.9 to 3.12 is supported, found: python3 is Python 3.13.'
        in message
    )
    assert 'PYTHON=/path/to/python3.11 bash tools/quickstart.sh' in message


def test_no_python(machine):
    assert 'found: none that runs.' in machine.set_up()


def test_no_compiler(machine):
    message = machine.set_up(
        PYTHON=str(machine.add_command('python3', NO_ENSUREPIP))
    )
    assert 'no C++17 compiler works (tried: c++ g++ clang++)' in message
    assert message.count('\n') == 1


def test_broken_compiler_named_by_user(machine):
    machine.add_command('python3', NO_ENSUREPIP)
    machine.add_command('icpx', '#!/bin/sh\nexit 1\n')
    assert '(tried: icpx)' in machine.set_up(CXX='icpx')


def test_no_python_headers(machine):
    machine.add_command('python3', NO_ENSUREPIP)
    machine.add_command('clang++', '#!/bin/sh\n! grep -q Python.h\n')
    message = machine.set_up()
    assert 'has no headers (Python.h)' in message
    assert message.count('\n') == 1


def test_cached_wheel_needs_no_compiler(machine):
    machine.add_command('python3', NO_ENSUREPIP)
    machine.add_wheel()
    message = machine.set_up()
    assert 'apt install python3-venv' in message
    assert message.count('\n') == 1


def test_no_venv_names_what_is_missing(machine):
    machine.add_command(
        'python', f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n'
    )
    message = machine.set_up('--no-venv')
    for module in runpy.run_path(ROOT / 'poet_mm/stack.py')['SUPPORTED']:
        assert f'{module} is not installed' in message


def test_unknown_option(machine):
    assert 'unknown option --gpu' in machine.set_up('--gpu')


def test_ci_runs_exactly_the_tests(machine):
    (machine.clone / 'tools/run_tests.sh').write_text('echo "$0" "$#"')
    job = subprocess.run(
        [machine.clone / '.ci/run'], capture_output=True, text=True, check=True
    )
    assert job.stdout == 'tools/run_tests.sh 0\n'


@pytest.mark.parametrize('path', SCRIPTS, ids=lambda path: path.name)
def test_script_parses(path):
    subprocess.run(['bash', '-n', path], check=True)
