"""Best and worst images by OKS, and what went wrong (paper Fig. 3)."""

from collections import Counter
from typing import List, NamedTuple

import numpy as np

from .causes import CAUSES, name_causes
from .collect import ImageRecord
from .plots.predictions import draw_best_worst
from .result import Analysis, Result
from .session import Session


class RankedImage(NamedTuple):
    """An image with labelled people, as it is ranked and drawn.

    Letters: N people, F people found, K keypoints.
    """

    img_id: int
    path: str
    oks: float  # mean over its people, 0 for those not found
    truth: np.ndarray  # (N, K, 2) in pixels, NaN where there is no label
    bbox: np.ndarray  # (N, 4), x, y, width, height
    causes: List[str]  # N
    found: np.ndarray  # (F, K, 2) in pixels


def rank_images(images: List[RankedImage]) -> List[RankedImage]:
    """Best first; of images of the same OKS, those of many people are at
    either end: they were the harder, or the greater loss.
    """
    middle = np.mean([image.oks for image in images]) if images else 0

    def key(image: RankedImage) -> tuple:
        people = len(image.causes)
        return -image.oks, -people if image.oks > middle else people

    return sorted(images, key=key)


class PredictionAnalysis(Analysis):
    """OKS of every labelled person, and the images at both ends.

    Args:
        session (Session): Model and images.
        examples (int): How many best and how many worst images are drawn.
    """

    name = 'predictions'
    poet_only = False

    def __init__(self, session: Session, examples: int = 4) -> None:
        super().__init__(session)
        self.examples = examples
        self.rows: List[dict] = []
        self.images: List[RankedImage] = []
        self.extra = 0  # false positives

    def add(self, record: ImageRecord) -> None:
        super().add(record)
        self.extra += len(record.found) - len(record.match.oks)
        people, metainfo = record.people, self.session.metainfo
        if not len(people.ids):
            return
        causes = name_causes(
            record.found_keypoints,
            people,
            record.match,
            metainfo['sigmas'],
            metainfo['flip_indices'],
        )
        scores = np.full(len(people.ids), np.nan)
        scores[record.match.people] = record.prediction.scores[
            -1, record.matched_queries
        ]
        for n, (oks, score, cause) in enumerate(
            zip(record.oks, scores, causes)
        ):
            self.rows.append(
                dict(
                    image_id=record.img_id,
                    annotation_id=people.ids[n],
                    oks=round(float(oks), 6),
                    score='' if np.isnan(score) else round(float(score), 6),
                    cause=cause,
                    area=round(float(people.area[n]), 2),
                    labelled_joints=int((people.visibility[n] > 0).sum()),
                )
            )
        self.images.append(
            RankedImage(
                record.img_id,
                record.path,
                float(record.oks.mean()),
                np.where(
                    people.visibility[..., None] > 0, people.keypoints, np.nan
                ),
                people.bbox,
                causes,
                record.found_keypoints,
            )
        )

    def result(self) -> Result:
        ranked = rank_images(self.images)
        best = ranked[: self.examples]
        worst = ranked[: -self.examples - 1 : -1]
        causes = Counter(row['cause'] for row in self.rows)
        counts = {cause: causes[cause] for cause in CAUSES}
        oks = [row['oks'] for row in self.rows]
        said = ', '.join(f'{count} {cause}' for cause, count in counts.items())
        return Result(
            name=self.name,
            title='Predictions, best and worst (Fig. 3)',
            caption='Images with the highest and the lowest mean OKS of their '
            'people, drawn beside the ground truth; a person not found counts '
            'as 0. Boxes tell what a person suffers from most, see '
            'poet_mm/analysis/causes.py. '
            f'All people: {said}; {self.extra} false positives. '
            f'{self.what_was_run}',
            numbers=dict(
                **self.counts,
                mean_oks=np.mean(oks) if oks else None,
                causes=counts,
                predictions_of_nobody=self.extra,
                best=[summary(image) for image in best],
                worst=[summary(image) for image in worst],
            ),
            rows=self.rows,
            draw=lambda out: draw_best_worst(
                best, worst, self.session.metainfo, self.session.method, out
            ),
        )


def summary(image: RankedImage) -> dict:
    """What JSON says of an image."""
    return dict(image_id=image.img_id, oks=image.oks, causes=image.causes)
