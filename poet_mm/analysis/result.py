"""Hold what a figure is made of, and write its files."""

import csv
import json
import os
import os.path as osp
from dataclasses import dataclass, field
from typing import Callable, Dict, List, Mapping, Sequence

import numpy as np

from .collect import ImageRecord
from .session import Session


class Table(Sequence):
    """Give rows of columns, each made when it is asked for.

    As rows, millions of numbers would take a hundred times their memory.

    Args:
        columns (dict[str, np.ndarray]): By name, all of one length.
    """

    def __init__(self, columns: Mapping[str, np.ndarray]) -> None:
        self.columns = columns

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, index: int) -> dict:
        return {name: x.item(index) for name, x in self.columns.items()}


@dataclass
class Result:
    """Hold a figure, the numbers behind it and its caption."""

    name: str  # of its files
    title: str
    caption: str
    numbers: dict
    draw: Callable[[str], None]  # to a path without ending
    rows: Sequence[dict] = field(default_factory=list)  # of the CSV


class Analysis:
    """Make one figure: look at every image in turn, then give the result.

    Args:
        session (Session): Model and images.
    """

    name = ''
    poet_only = True
    needs_images = True  # a pass over all of them

    def __init__(self, session: Session) -> None:
        self.session = session
        self.counts: Dict[str, int] = dict(
            images=0, labelled_people=0, found=0
        )

    def add(self, record: ImageRecord) -> None:
        """Look at an image."""
        self.counts['images'] += 1
        self.counts['labelled_people'] += len(record.people.ids)
        self.counts['found'] += len(record.match.oks)

    def result(self) -> Result:
        """Return the figure of all images so far."""
        raise NotImplementedError

    @property
    def what_was_run(self) -> str:
        """Return the last sentences of a caption."""
        counts = self.counts
        text = (
            f'{self.session.description}, {counts["images"]} images, '
            f'{counts["labelled_people"]} labelled people, '
            f'{counts["found"]} of them found (score of at least '
            f'{self.session.score_thr:g} and OKS of at least 0.1, one '
            'prediction each).'
        )
        if counts['labelled_people'] and not counts['found']:
            text += ' Nobody was found: train longer, or lower --score-thr.'
        return text


def to_plain(value):
    """Convert NumPy's numbers and arrays for JSON."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    raise TypeError(f'JSON has no {type(value).__name__}')


def write_result(result: Result, folder: str) -> List[str]:
    """Write ``NAME.png``, ``.pdf``, ``.json``, ``.txt`` (the caption), and
    ``.csv`` where there are rows.

    Returns:
        list[str]: The files.
    """
    os.makedirs(folder, exist_ok=True)
    stem = osp.join(folder, result.name)
    result.draw(stem)
    with open(f'{stem}.json', 'w') as file:
        json.dump(
            dict(title=result.title, caption=result.caption, **result.numbers),
            file,
            indent=1,
            default=to_plain,
        )
    with open(f'{stem}.txt', 'w') as file:
        file.write(f'{result.title}. {result.caption}\n')
    endings = ['png', 'pdf', 'json', 'txt']
    if result.rows:
        endings.append('csv')
        with open(f'{stem}.csv', 'w', newline='') as file:
            writer = csv.DictWriter(file, list(result.rows[0]))
            writer.writeheader()
            writer.writerows(result.rows)
    return [f'{stem}.{ending}' for ending in endings]
