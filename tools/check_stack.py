"""Print the versions that are installed here and whether poet_mm supports
them.

Runs wherever Python does: a library that is missing or cannot be imported is
printed, not raised. Exit code 0: poet_mm can run here; 1: it cannot, and what
to do about it is printed.

Examples:
  python tools/check_stack.py
  python3.12 tools/check_stack.py
"""

import argparse
import platform
import runpy
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve()
# beside tools/ in a clone, above .mim/tools/ where it is installed
PACKAGE = next(
    path
    for path in (HERE.parents[1] / 'poet_mm', HERE.parents[2])
    if (path / 'stack.py').is_file()
)
stack = runpy.run_path(str(PACKAGE / 'stack.py'))
# Compiled against torch or NumPy, of which there may be others here.
IMPORTS = 'import torchvision.ops, xtcocotools.mask, mmcv.ops, mmpose.models'


def find_problem() -> str:
    """Say why poet_mm cannot run here, and what to do; '' if it can."""
    try:
        stack['check_stack']()
    except ImportError as error:
        return str(error)
    # in a process of its own, which a broken library may end
    job = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', IMPORTS],
        capture_output=True,
        text=True,
    )
    if job.returncode == 0:
        return ''
    said = job.stderr.strip().splitlines() or [f'exit code {job.returncode}']
    return (
        f'poet_mm cannot run here, "{IMPORTS}" fails: {said[-1]}\nMost '
        'often a library was compiled against another torch or NumPy. '
        'Install it again, or, in a clone of poet_mm, have an environment '
        'made:  bash tools/setup_env.sh'
    )


def main() -> int:
    about, _, examples = __doc__.partition('Examples:\n')
    argparse.ArgumentParser(
        description=about,
        epilog=f'Examples:\n{examples}',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args()
    python = platform.python_version()
    print(f'{"python":18} {python:18} supported: {stack["PYTHON"]}')
    distributions = [*stack['SUPPORTED'].items(), *stack['FORKS'].values()]
    for name, supported in distributions:
        version = stack['installed_version'](name) or '-'
        print(f'{name:18} {version:18} supported: {supported}', flush=True)
    problem = find_problem()
    print(f'\n{problem or "poet_mm can run here."}')
    return bool(problem)


if __name__ == '__main__':
    sys.exit(main())
