"""Check the versions of what poet_mm needs, before importing any of it.

Importing poet_mm calls ``check_stack``, ``tools/setup_env.sh`` runs this file,
and ``setup.py`` asks pip for the same ranges.
"""

import operator
import re
import sys
from importlib.util import find_spec
from typing import Iterable, Iterator, Optional, Tuple

PYTHON = '>=3.10'

# Module: supported versions of the distribution of the same name.
SUPPORTED = {
    'torch': '>=2.1',
    'torchvision': '>=0.16',
    'numpy': '>=1.21',
    'scipy': '>=1.7',
    'pycocotools': '>=2.0.4',
    'xtcocotools': '>=1.12',
    'mmengine': '>=0.10.3,<1',
    'mmcv': '>=2.0.1,<2.2',  # mmdet 3.3.0 asserts < 2.2
    'mmdet': '>=3.3,<4',
    'mmpose': '>=1.3,<2',
}

# Module: other distributions with the same import name, and their versions.
FORKS = {
    'mmengine': {'onedl-mmengine': '>=0.10.3,<1'},
    'mmcv': {'mmcv-lite': '>=2.0.1,<2.2', 'onedl-mmcv': '>=2.0.1,<3'},
    'mmdet': {'onedl-mmdetection': '>=3.3,<4'},
}

# mmpose imports mmcv's operators, which mmcv-lite does not have. This has
# stand-ins for them.
NO_OPS = 'poet_mm_mmcv_no_ops'

COMPARE = {
    '>=': operator.ge,
    '>': operator.gt,
    '<=': operator.le,
    '<': operator.lt,
}


def check_stack() -> None:
    """Raise an ImportError unless poet_mm can run here.

    The message says what was found, what is supported and what to install.
    """
    python = '.'.join(map(str, sys.version_info[:3]))
    if not in_range(python, PYTHON):
        raise ImportError(
            f'poet_mm supports Python {PYTHON}, found {python} '
            f'({sys.executable}). Run it with a newer Python.'
        )
    problems = {module: find_problem(module) for module in SUPPORTED}
    problems = {module: text for module, text in problems.items() if text}
    if problems:
        lines = [
            f'poet_mm cannot run with {sys.executable}:',
            *(f'  {text}' for text in problems.values()),
            *install_commands(problems),
            'Or make a new environment in a clone of poet_mm:  '
            'bash tools/setup_env.sh',
        ]
        raise ImportError('\n'.join(lines))


def install_commands(modules: Iterable[str]) -> Iterator[str]:
    """Yield commands that install supported versions of ``modules``."""
    wanted = [
        f"'{module}{SUPPORTED[module]}'"
        for module in modules
        if module != 'mmcv'
    ]
    if wanted:
        yield f'Install supported versions:  pip install {" ".join(wanted)}'
    if 'mmcv' in modules:
        yield (
            'Install mmcv without operators, in a clone of poet_mm:  '
            f"pip install 'mmcv-lite{FORKS['mmcv']['mmcv-lite']}' "
            'requirements/mmcv_no_ops'
        )
        yield f"Or with them:  mim install 'mmcv{SUPPORTED['mmcv']}'"


def find_problem(module: str) -> Optional[str]:
    """Return what is wrong with ``module``, or None. Imports nothing."""
    if not is_importable(module):
        return f'{module} is not installed, supported: {SUPPORTED[module]}'
    ranges = {module: SUPPORTED[module], **FORKS.get(module, {})}
    for distribution, supported in ranges.items():
        version = installed_version(distribution)
        if version is None:
            continue
        if not in_range(version, supported):
            return (
                f'{distribution} {version} is installed, '
                f'supported: {supported}'
            )
        if distribution == 'mmcv-lite' and installed_version(NO_OPS) is None:
            return 'mmcv-lite is installed without stand-ins for operators'
        return None
    # a source tree on PYTHONPATH has no version; errors show when it
    # is imported
    return None


def is_importable(module: str) -> bool:
    """Return whether a module has code, not just an empty folder."""
    spec = find_spec(module)
    return spec is not None and spec.origin is not None


def installed_version(distribution: str) -> Optional[str]:
    """Return the version of an installed distribution, or None."""
    from importlib import metadata  # missing before Python 3.8

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def in_range(version: str, supported: str) -> bool:
    """Return whether a version is in a range.

    For example, ``'2.1.2+cu121'`` is in ``'>=2.1,<3'``.
    """
    release = parse_release(version)
    return all(
        COMPARE[sign](release, parse_release(limit))
        for sign, limit in re.findall(r'([<>]=?)([^,]+)', supported)
    )


def parse_release(version: str) -> Tuple[int, ...]:
    """Return (2, 1, 0) for '2.1', '2.1.0+cu121' and '2.1.0rc1'."""
    numbers = re.match(r'\d+(\.\d+)*', version)[0].split('.')
    return tuple(int(number) for number in [*numbers, 0, 0][:3])


if __name__ == '__main__':
    try:
        check_stack()
    except ImportError as error:
        sys.exit(str(error))
