"""Rank images by OKS and count the errors of people (paper Fig. 3)."""

from collections import Counter
from typing import List, NamedTuple

import numpy as np

from .causes import CAUSES, name_causes
from .collect import ImageRecord
from .plots.predictions import draw_best_worst
from .result import Analysis, Result
from .session import Session


class RankedImage(NamedTuple):
    """Hold an image with labelled people, as it is ranked and drawn.

    Letters: N people, F people found, K keypoints.
    """

    img_id: int
    path: str
    oks: float  # mean over its people, 0 for those not found
    ground_truth: np.ndarray  # (N, K, 2) in pixels, NaN without a label
    bbox: np.ndarray  # (N, 4), x, y, width, height
    causes: List[str]  # N, see name_causes
    found: np.ndarray  # (F, K, 2) in pixels

    @property
    def summary(self) -> dict:
        """Return the entry of the JSON file."""
        return dict(image_id=self.img_id, oks=self.oks, causes=self.causes)


def rank_images(images: List[RankedImage]) -> List[RankedImage]:
    """Sort images by OKS, best first.

    Among images of the same OKS, those of many people come first above the
    mean and last below it: images with more people are better examples.
    """
    middle = np.mean([image.oks for image in images]) if images else 0

    def key(image: RankedImage) -> tuple:
        people = len(image.causes)
        return -image.oks, -people if image.oks > middle else people

    return sorted(images, key=key)


class PredictionsAnalysis(Analysis):
    """Show the best and the worst images, and count errors of all people.

    Args:
        session (Session): Model and images.
        examples (int): Number of best images, and of worst ones, to draw.
    """

    poet_only = False

    def __init__(self, session: Session, examples: int) -> None:
        super().__init__(session)
        self.examples = examples
        self.rows: List[dict] = []
        self.images: List[RankedImage] = []
        self.false_positives = 0

    def add(self, record: ImageRecord) -> None:
        """Add a row for every labelled person, and rank the image."""
        super().add(record)
        self.false_positives += len(record.found) - len(record.match.oks)
        people, metainfo = record.people, self.session.metainfo
        if not len(people.ids):
            return
        labelled = people.visibility > 0  # (N, K)
        causes = name_causes(
            record.found_keypoints,
            people,
            record.match,
            metainfo['sigmas'],
            metainfo['flip_indices'],
        )
        scores = record.prediction.scores[-1, record.matched_queries]
        score_of = dict(zip(record.match.people, scores.astype(float)))
        for n, (oks, cause) in enumerate(zip(record.oks, causes)):
            self.rows.append(
                dict(
                    image_id=record.img_id,
                    annotation_id=people.ids[n],
                    oks=round(oks, 6),
                    score=round(score_of[n], 6) if n in score_of else '',
                    cause=cause,
                    area=round(people.area[n], 2),
                    labelled_joints=labelled[n].sum(),
                )
            )
        self.images.append(
            RankedImage(
                record.img_id,
                record.path,
                float(record.oks.mean()),
                np.where(labelled[..., None], people.keypoints, np.nan),
                people.bbox,
                causes,
                record.found_keypoints,
            )
        )

    def result(self) -> Result:
        """Return the figure of all images so far."""
        ranked = rank_images(self.images)
        best = ranked[: self.examples]
        worst = ranked[: -self.examples - 1 : -1]
        causes = Counter(row['cause'] for row in self.rows)
        counts = {cause: causes[cause] for cause in CAUSES}
        oks = [row['oks'] for row in self.rows]
        method = type(self.session.model.head).__name__.replace('Head', '')
        listed = ', '.join(f'{n} {cause}' for cause, n in counts.items())
        return Result(
            name='predictions',
            title='Predictions, best and worst (Fig. 3)',
            caption='Images with the highest and the lowest mean OKS of their '
            'people, drawn beside the ground truth; a person not found counts '
            'as 0. The colour of a box names the error that costs the person '
            'most OKS, see poet_mm/analysis/causes.py. '
            f'All people: {listed}; {self.false_positives} false positives. '
            f'{self.source}',
            numbers=dict(
                **self.counts,
                mean_oks=np.mean(oks) if oks else None,
                causes=counts,
                predictions_of_nobody=self.false_positives,
                best=[image.summary for image in best],
                worst=[image.summary for image in worst],
            ),
            rows=self.rows,
            draw=lambda out: draw_best_worst(
                best, worst, self.session.metainfo, method, out
            ),
        )
