"""Print the installed versions, and whether poet_mm supports them.

The tool needs nothing but Python. It reports libraries that are missing or
cannot be imported, and how to repair it. Exit code 0: poet_mm can run here.
Exit code 1: it cannot.

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
# beside tools/ in a clone, above .mim/tools/ in an installed package
PACKAGE = next(
    path
    for path in (HERE.parents[1] / 'poet_mm', HERE.parents[2])
    if (path / 'stack.py').is_file()
)
# runpy: importing poet_mm would raise the error that we want to print
stack = runpy.run_path(str(PACKAGE / 'stack.py'))
# compiled libraries; mmpose.models imports the rest
IMPORTS = 'import torchvision.ops, xtcocotools.mask, mmcv.ops, mmpose.models'


def find_problem() -> str:
    """Return why poet_mm cannot run here and what to do, or ''."""
    try:
        stack['check_stack']()
    except ImportError as error:
        return str(error)
    # in another process, because a broken library may crash it
    job = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', IMPORTS],
        capture_output=True,
        text=True,
    )
    if job.returncode == 0:
        return ''
    lines = job.stderr.strip().splitlines() or [f'exit code {job.returncode}']
    return (
        f'poet_mm cannot run here, "{IMPORTS}" fails: {lines[-1]}\nMost '
        'often a library was compiled against another torch or NumPy. '
        'Install it again, or make a new environment in a clone of poet_mm:  '
        'bash tools/setup_env.sh'
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
    distributions = dict(stack['SUPPORTED'])
    for forks in stack['FORKS'].values():
        distributions.update(forks)
    for name, supported in distributions.items():
        version = stack['installed_version'](name) or '-'
        print(f'{name:18} {version:18} supported: {supported}', flush=True)
    problem = find_problem()
    print(f'\n{problem or "poet_mm can run here."}')
    return bool(problem)


if __name__ == '__main__':
    sys.exit(main())
