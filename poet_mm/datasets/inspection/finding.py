"""One thing found, how often, where, and what to do."""
from dataclasses import dataclass
from typing import Callable, Iterator, List

import numpy as np

MAX_LISTED = 1000  # examples that a report file lists


@dataclass
class Finding:
    """Something wrong (training would stop or learn it) or only unusual."""
    name: str
    wrong: bool
    text: str  # what is so, of the counted
    count: int
    total: int
    examples: List[str]  # the first MAX_LISTED
    fix: str


def find(name: str, wrong: bool, text: str, mask: np.ndarray,
         label: Callable[[int], str], fix: str) -> Iterator[Finding]:
    """A finding of all entries that a mask tells, or none if that is empty.

    Args:
        name (str): Of the finding, for programs.
        wrong (bool): Whether it is more than unusual.
        text (str): What is so, after "N of M ".
        mask (np.ndarray): (M, ), True where it is so.
        label (callable): Index -> which entry that is, in words.
        fix (str): What to do.
    """
    places = np.flatnonzero(mask)
    if len(places):
        examples = [label(int(n)) for n in places[:MAX_LISTED]]
        yield Finding(name, wrong, text, len(places), len(mask), examples, fix)


def repeated(values: list) -> np.ndarray:
    """Which of the hashable values were there before, (len(values), )."""
    seen, again = set(), np.zeros(len(values), dtype=bool)
    for n, value in enumerate(values):
        again[n] = value in seen
        seen.add(value)
    return again
