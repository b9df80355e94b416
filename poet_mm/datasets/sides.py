"""Find left and right in the names of keypoints."""

import re
from typing import Dict, Iterator, List, Tuple

OTHER = dict(left='right', right='left', l='r', r='l')


def find_pairs(names: List[str]) -> Tuple[Dict[str, str], Dict[str, str]]:
    """Return the mirrored keypoint of each, and the side of those with one.

    Returns:
        tuple: Name -> name of the other side, '' if there is none;
        name -> ``'left'`` or ``'right'``, also for a side without the other.
    """
    swap, sides = dict.fromkeys(names, ''), {}
    for name in names:
        for side, mirrored, is_word in mirror(name):
            if swap[name] == mirrored or (
                swap[name] == '' == swap.get(mirrored)
            ):
                swap[name], swap[mirrored] = mirrored, name
                sides[name] = side
                break
            if is_word:
                sides.setdefault(name, side)
    return swap, sides


def mirror(name: str) -> Iterator[Tuple[str, str, bool]]:
    """Yield the side of a name, its mirrored form, and if a word says it.

    A name may have several forms, of which at most one is a keypoint. The
    side is surely meant if it is a word of its own: ``left_ear``, ``ear_l``,
    ``earL``, but not ``leftear`` or ``tail``.
    """
    words = re.finditer(r'(?i)left|right', name)
    letters = re.finditer(r'(?i)l|r', name)
    for match in (*words, *letters):
        start, end = match.span()
        before, after = name[:start], name[end:]
        at_start = not before[-1:].isalpha() or (
            match[0][0].isupper() and before[-1:].islower()
        )
        at_end = not after[:1].isalpha() or (
            after[:1].isupper() and after[1:2].islower()
        )
        if not at_start and not at_end:
            continue
        other = OTHER[match[0].lower()]
        for form in (str.upper, str.title, str.lower):
            if form(match[0]) == match[0]:
                other = form(other)
                break
        side = 'left' if match[0][0] in 'lL' else 'right'
        yield side, before + other + after, at_start and at_end
