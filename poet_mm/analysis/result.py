"""Define the result of an analysis, and write its files."""

import csv
import os
import os.path as osp
from dataclasses import dataclass, field
from typing import Callable, Dict, List, Optional

from mmengine.fileio import dump

from .collect import ImageRecord, example_rank
from .session import Session


@dataclass
class Result:
    """Hold a figure, the numbers behind it and its caption."""

    name: str  # of the files, without ending
    title: str
    caption: str
    numbers: dict  # content of the JSON file
    draw: Callable[[str], None]  # takes a path without ending
    rows: List[dict] = field(default_factory=list)  # of the CSV file
    # Rows of more CSV files, NAME_KEY.csv
    tables: Dict[str, List[dict]] = field(default_factory=dict)


class Analysis:
    """Compute one figure from all images.

    Call :meth:`add` for each image, then :meth:`result`.

    Args:
        session (Session): Model and images.
    """

    poet_only = True
    needs_images = True  # all images of the session

    def __init__(self, session: Session) -> None:
        self.session = session
        self.counts: Dict[str, int] = dict(
            images=0, labelled_people=0, found=0
        )
        self.example: Optional[ImageRecord] = None  # the best one for a figure

    def add(self, record: ImageRecord) -> None:
        """Take the ground truth and the predictions of an image."""
        self.counts['images'] += 1
        self.counts['labelled_people'] += len(record.people.ids)
        self.counts['found'] += len(record.match.oks)
        if self.example is None or example_rank(record) > example_rank(
            self.example
        ):
            self.example = record

    def result(self) -> Result:
        """Return the figure of all images so far."""
        raise NotImplementedError

    @property
    def source(self) -> str:
        """Return the end of a caption: model, images and people."""
        counts = self.counts
        text = (
            f'{self.session.description}, {counts["images"]} images, '
            f'{counts["labelled_people"]} labelled people, '
            f'{counts["found"]} of them found (score of at least '
            f'{self.session.score_thr:g} and OKS of at least 0.1, one '
            'prediction each).'
        )
        if counts['labelled_people'] and not counts['found']:
            text += ' No person was found: train longer, or lower --score-thr.'
        return text


def write_result(result: Result, folder: str) -> List[str]:
    """Write the files of a result.

    Returns:
        list[str]: ``NAME.png``, ``.pdf``, ``.json``, ``.txt`` (the caption),
        ``.csv`` if there are rows, and ``NAME_KEY.csv`` for each table.
    """
    os.makedirs(folder, exist_ok=True)
    stem = osp.join(folder, result.name)
    result.draw(stem)
    texts = dict(title=result.title, caption=result.caption)
    dump({**texts, **result.numbers}, f'{stem}.json', indent=1)
    with open(f'{stem}.txt', 'w') as file:
        file.write(f'{result.title}. {result.caption}\n')
    files = [f'{stem}.{ending}' for ending in ('png', 'pdf', 'json', 'txt')]
    tables = {f'{stem}.csv': result.rows}
    tables.update(
        (f'{stem}_{key}.csv', rows) for key, rows in result.tables.items()
    )
    for path, rows in tables.items():
        if rows:
            write_table(rows, path)
            files.append(path)
    return files


def write_table(rows: List[dict], path: str) -> None:
    """Write rows with the same keys as a CSV file."""
    with open(path, 'w', newline='') as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
