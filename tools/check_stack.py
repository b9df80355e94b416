"""Say which versions are installed here, whether poet_mm supports them, and
what is known to bite with them.

Runs wherever Python does: what is missing or broken is said, not raised. Exit
code 0: poet_mm can run here; 1: it cannot, and what to do about it is printed.

What bites is read from the comments beside the code that deals with it,
"Workaround (mmcv<=2.1.0): what happens there". The range is that of versions
which need it. Where the end is `<=` no released version was better when the
comment was written; where it is `<`, that version mended it.

Examples:
  python tools/check_stack.py
  python3.12 tools/check_stack.py
"""
import argparse
import platform
import re
import runpy
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Iterator, List, NamedTuple, Optional

HERE = Path(__file__).resolve()
# beside tools/ in a clone, above .mim/tools/ where it is installed
PACKAGE = next(path for path in (HERE.parents[1] / 'poet_mm', HERE.parents[2])
               if (path / 'stack.py').is_file())
ROOT = PACKAGE.parent
SEARCHED = ('poet_mm/**/*.py', 'tools/*.py', 'requirements/*.in')
COMMENT = re.compile(
    r'^ *# Workaround \((?P<module>[\w-]+)(?P<versions>[<>][^)]+)\): '
    r'(?P<text>.*(?:\n *# .*)*)', re.MULTILINE)
stack = runpy.run_path(str(PACKAGE / 'stack.py'))

# Package: what is missing without it.
OPTIONAL = {
    'hotcoco': 'evaluation takes 30 times as long',
    'onnx': 'no export to ONNX',
    'onnxruntime': 'no export to ONNX',
    'tensorboard': 'no train.py --tensorboard',
    'seaborn': "no curves by MMPose's analyze_logs.py",
    'hypothesis': 'no tests',
    'import-linter': 'no tests',
    'pytest': 'no tests',
    'ruff': 'no tests',
}

BROKEN = 'BROKEN:'
# Name: code that prints a line about it, or dies.
PROBES = {
    'torch':
    'import torch; cuda = torch.cuda.is_available(); '
    'print(f"CUDA {torch.version.cuda}," if torch.version.cuda else '
    '"without CUDA,", torch.cuda.get_device_name() if cuda else "no GPU")',
    'torchvision':
    'import torchvision.ops; print("fits torch")',
    'xtcocotools':
    'import xtcocotools.mask; print("fits numpy")',
    'mmcv':
    'import mmcv.ops; print("with operators")',
    'mmpose':
    'import mmpose.models; print("works with mmcv and mmdet")',
}


class Workaround(NamedTuple):
    """``text`` holds for ``versions`` of ``module``; ``place`` is FILE:LINE
    of the code that deals with it."""
    module: str
    versions: str
    text: str
    place: str

    def applies(self) -> bool:
        """Whether the version that is installed needs it."""
        version = installed(self.module)
        return version is not None and stack['in_range'](
            version.split()[-1], self.versions)


def find_workarounds(root: Path = ROOT) -> Iterator[Workaround]:
    """All comments that begin with "Workaround (", by file."""
    for pattern in SEARCHED:
        for path in sorted(root.glob(pattern)):
            content = path.read_text(encoding='utf-8')
            for match in COMMENT.finditer(content):
                line = content.count('\n', 0, match.start()) + 1
                text = re.sub(r'\n *# ', ' ', match['text'])
                place = f'{path.relative_to(root).as_posix()}:{line}'
                yield Workaround(match['module'], match['versions'], text,
                                 place)


def installed(module: str) -> Optional[str]:
    """Version of a module, after the name of its fork if it is one."""
    version = stack['installed_version'](module)
    if version is None and module in stack['FORKS']:
        fork = stack['FORKS'][module][0]
        version = stack['installed_version'](fork)
        version = version and f'{fork} {version}'
    return version


def probe(module: str) -> str:
    """What a process of its own says of a module: a library that was compiled
    against another torch may end it."""
    if module not in PROBES:
        return ''
    job = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', PROBES[module]],
        capture_output=True, text=True)
    if job.returncode == 0:
        return job.stdout.strip()
    lines = job.stderr.strip().splitlines() or [
        f'ended with {job.returncode}'
    ]
    return f'{BROKEN} {lines[-1]}'


def version_lines() -> Iterator[str]:
    """What there is, beside what is supported."""
    yield f'{platform.platform()}, {sys.executable}'
    python = platform.python_version()
    yield row('python', python, stack['PYTHON'])
    for module, supported in stack['SUPPORTED'].items():
        version = installed(module)
        if version and ' ' in version:
            supported = stack['FORKS'][module][1]
        yield row(module, version, supported,
                  probe(module) if version else '')
    for module, loss in OPTIONAL.items():
        version = stack['installed_version'](module)
        yield row(module, version, '', '' if version else loss)
    compiler = shutil.which('c++') or shutil.which('g++')
    yield row('c++', compiler, '', '' if compiler else
              'training on the CPU without the compiled attention')


def row(name: str, version: Optional[str], supported: str,
        remark: str = '') -> str:
    """One line of the table."""
    columns = f'{name:12} {version or "-":24} {supported:14} {remark}'
    return columns.rstrip()


def problem_lines(lines: List[str]) -> List[str]:
    """Why poet_mm cannot run here, and what to do; nothing if it can.

    Args:
        lines (list[str]): Those of :func:`version_lines`.
    """
    try:
        stack['check_stack']()
    except ImportError as error:
        return str(error).splitlines()
    broken = [line.split()[0] for line in lines if BROKEN in line]
    return broken and [
        f'poet_mm cannot run here: {", ".join(broken)} cannot be imported '
        '(above), most often because it was compiled against another torch '
        'or NumPy. Install it again, or, in a clone of poet_mm, have an '
        'environment made:  bash tools/setup_env.sh'
    ]


def bite_lines() -> Iterator[str]:
    """What is dealt with for the sake of the versions that are here, and what
    is kept for others."""
    known = list(find_workarounds())
    here = [bite for bite in known if bite.applies()]
    yield f'Known to bite with these versions, and dealt with ({len(here)}):'
    for bite in here:
        yield f'* {bite.module}{bite.versions} ({bite.place})'
        yield from textwrap.wrap(bite.text, 78, initial_indent='  ',
                                 subsequent_indent='  ')
    others = [bite for bite in known if bite not in here]
    yield f'Unnecessary with these versions ({len(others)}):'
    yield from (f'* {bite.module}{bite.versions} ({bite.place})'
                for bite in others)


def main() -> int:
    about, _, examples = __doc__.partition('Examples:\n')
    parser = argparse.ArgumentParser(
        description=about,
        epilog=f'Examples:\n{examples}',
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    lines = []
    for line in version_lines():
        print(line, flush=True)
        lines.append(line)
    problems = problem_lines(lines)
    print('', *(problems or ['poet_mm can run here.']), '', sep='\n')
    print(*bite_lines(), sep='\n')
    return bool(problems)


if __name__ == '__main__':
    sys.exit(main())
