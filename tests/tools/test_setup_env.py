"""tools/setup_env.sh, and the other scripts."""

import runpy
import shutil
import subprocess
import sys

import pytest
from helpers import ROOT

pytestmark = pytest.mark.slow

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


DEAD = '#!/bin/sh\nexit 1\n'


class Machine:
    """A clone, an empty cache, and a PATH with next to nothing on it."""

    def __init__(self, folder):
        self.clone, self.bin_dir = folder / 'clone', folder / 'bin'
        self.cache = folder / 'cache'
        for name in ['requirements', 'tools', 'poet_mm/stack.py', '.ci']:
            (self.clone / name).parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, self.clone / name)
        self.bin_dir.mkdir()
        for name in UTILITIES:
            (self.bin_dir / name).symlink_to(shutil.which(name))

    def set_up(self, *args, commands=None, **env):
        """Return what the set-up complains about, where it has commands."""
        for name, script in (commands or {}).items():
            (self.bin_dir / name).write_text(script)
            (self.bin_dir / name).chmod(0o755)
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


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


@pytest.mark.parametrize(
    ('commands', 'env', 'said'),
    [
        (
            {'python3': '#!/bin/sh\necho 3.13\n', 'python': DEAD},
            {},
            'found: python3 is Python 3.13.',
        ),
        ({}, {}, 'found: none that runs.'),
        (
            {'python3': NO_ENSUREPIP},
            {'PYTHON': 'python3'},
            '(tried: c++ g++ clang++)',
        ),
        (
            {'python3': NO_ENSUREPIP, 'icpx': DEAD},
            {'CXX': 'icpx'},
            '(tried: icpx)',
        ),
        (
            {
                'python3': NO_ENSUREPIP,
                'clang++': '#!/bin/sh\n! grep -q Python.h\n',
            },
            {},
            'has no headers (Python.h)',
        ),
    ],
)
def test_what_is_missing_is_named(machine, commands, env, said):
    message = machine.set_up(commands=commands, **env)
    assert said in message
    assert message.count('\n') == 1


def test_cached_wheel_needs_no_compiler(machine):
    tag = f'cp{sys.version_info.major}{sys.version_info.minor}'
    pin = (ROOT / 'requirements/mmcv.txt').read_text().strip()
    folder = f'{pin.replace("==", "-")}_torch-2.1.2_{tag}_linux-x86_64'
    wheel = machine.cache / 'poet_mm' / folder / f'mmcv-{tag}.whl'
    wheel.parent.mkdir(parents=True)
    wheel.touch()
    message = machine.set_up(commands={'python3': NO_ENSUREPIP})
    assert 'apt install python3-venv' in message


def test_no_venv_names_what_is_missing(machine):
    python = f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n'
    message = machine.set_up('--no-venv', commands={'python': python})
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
