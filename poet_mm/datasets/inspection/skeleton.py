"""Checks of the skeleton: the file's own, and that of the metainfo."""
import re
from typing import Iterator, List, Optional

from .finding import Finding


def file_joint_names(categories: List[dict]) -> Optional[List[str]]:
    """Names of the joints of the first category that has some."""
    for category in categories:
        names = category.get('keypoints')
        if isinstance(names, list) and names:
            return [str(name) for name in names]
    return None


def check_skeleton(names: Optional[List[str]],
                   expected: Optional[List[str]]) -> Iterator[Finding]:
    """Names of joints of the file against those of the metainfo.

    Args:
        names (list[str], optional): Of the file, see
            :func:`file_joint_names`.
        expected (list[str], optional): Of the metainfo; None if it is not
            known.
    """
    if names is None:
        yield Finding(
            'no_joint_names', False, 'files do not name their joints', 1, 1,
            ['categories have no keypoints'],
            'Nothing says that joints come in the order of the metainfo: '
            'look at some drawn people first.')
        return
    if expected is None:
        return
    ours, theirs = list(map(plain, names)), list(map(plain, expected))
    differ = [
        f'joint {k}: {a} in the file, {b} in the metainfo'
        for k, (a, b) in enumerate(zip(names, expected))
        if plain(a) != plain(b)
    ]
    if len(ours) != len(theirs):
        differ = [f'{len(ours)} in the file, {len(theirs)} in the metainfo']
        text, wrong = 'joints: their number is another one', True
    elif sorted(ours) == sorted(theirs):
        text, wrong = 'joints come in another order than in the metainfo', True
    else:
        text, wrong = 'joints have another name than in the metainfo', False
    if differ:
        yield Finding(
            'skeleton', wrong, text, len(differ), len(expected), differ,
            'Take the metainfo of this file (metainfo=dict(from_file=...) in '
            'the config), with the joints in its order.')


def plain(name: str) -> str:
    """A name without capitals, blanks and hyphens."""
    return re.sub(r'[\s_-]+', '_', name.strip().lower())
