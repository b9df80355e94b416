"""Where predicted centres lie (paper Fig. 7).

Letters: N people, M matched people, K keypoints.
"""

from typing import Dict, List, Optional

import numpy as np

from .collect import ImageRecord, example_rank
from .plots.centers import draw_centers
from .result import Analysis, Result
from .session import Session

QUADRANTS = ('upper left', 'upper right', 'lower left', 'lower right')


def true_centers(
    keypoints: np.ndarray, visibility: np.ndarray, lowest: int
) -> np.ndarray:
    """What POETCodec teaches as centre: the mean of the supervised joints.

    Args:
        keypoints (np.ndarray): (N, K, 2) in pixels.
        visibility (np.ndarray): (N, K), COCO's v.
        lowest (int): v from which on a joint is supervised.

    Returns:
        np.ndarray: (N, 2) in pixels, NaN without such a joint.
    """
    weights = (visibility >= lowest)[..., None].astype(np.float64)
    count = weights.sum(axis=1)  # (N, 1)
    total = (keypoints * weights).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def relative_errors(
    predicted: np.ndarray, true: np.ndarray, bbox: np.ndarray
) -> np.ndarray:
    """(predicted - true centre) / diagonal of the box, (N, 2); x to the
    right, y down, NaN where there is no true centre or no box.
    """
    diagonal = np.hypot(bbox[:, 2], bbox[:, 3])[:, None]
    return (predicted - true) / np.where(diagonal > 0, diagonal, np.nan)


def quadrant_shares(errors: np.ndarray) -> Optional[Dict[str, float]]:
    """Share of the errors (M, 2) in each of :data:`QUADRANTS`; y points down,
    and 0 is right and lower. None without errors.
    """
    if not len(errors):
        return None
    quadrant = 2 * (errors[:, 1] >= 0) + (errors[:, 0] >= 0)
    counts = np.bincount(quadrant, minlength=4)
    return dict(zip(QUADRANTS, (counts / len(errors)).tolist()))


class CenterAnalysis(Analysis):
    """Errors of the centres of all matched people, and one image.

    Args:
        session (Session): Model and images.
    """

    name = 'centers'

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.rows: List[dict] = []
        self.example: Optional[ImageRecord] = None

    def add(self, record: ImageRecord) -> None:
        super().add(record)
        if self.example is None or example_rank(record) > example_rank(
            self.example
        ):
            self.example = record
        match, people = record.match, record.people
        lowest = self.session.model.head.codec.lowest_supervised
        true = true_centers(people.keypoints, people.visibility, lowest)
        true = true[match.people]
        predicted = record.prediction.centers[-1, record.matched_queries]
        errors = relative_errors(predicted, true, people.bbox[match.people])
        for m in np.flatnonzero(~np.isnan(errors).any(axis=1)):
            self.rows.append(
                dict(
                    image_id=record.img_id,
                    annotation_id=people.ids[match.people[m]],
                    oks=round(float(match.oks[m]), 6),
                    predicted_x=round(float(predicted[m, 0]), 3),
                    predicted_y=round(float(predicted[m, 1]), 3),
                    true_x=round(float(true[m, 0]), 3),
                    true_y=round(float(true[m, 1]), 3),
                    dx=round(float(errors[m, 0]), 6),
                    dy=round(float(errors[m, 1]), 6),
                )
            )

    def result(self) -> Result:
        errors = np.array([(row['dx'], row['dy']) for row in self.rows])
        errors = errors.reshape(-1, 2)
        shares = quadrant_shares(errors)
        return Result(
            name=self.name,
            title='Centres (Fig. 7)',
            caption='Left: predicted centres and offset vectors of the people '
            'found in an image. Middle and right: (predicted - true centre) / '
            f'diagonal of the box, of {len(errors)} people; up is up in the '
            'image. Percentages: share per quadrant. The true centre is the '
            f'mean of the supervised joints. {self.what_was_run}',
            numbers=dict(
                **self.counts,
                people=len(errors),
                quadrants=shares,
                mean=errors.mean(axis=0) if len(errors) else None,
                mean_distance=np.linalg.norm(errors, axis=1).mean()
                if len(errors)
                else None,
                example=self.example and self.example.img_id,
            ),
            rows=self.rows,
            draw=lambda out: draw_centers(self.example, errors, shares, out),
        )
