"""Compare predicted centres with the ground truth (paper Fig. 7).

Letters: N people, M matched people, K keypoints.
"""

from typing import Dict, List, Optional

import numpy as np

from .collect import ImageRecord
from .plots.centers import draw_centers
from .result import Analysis, Result
from .session import Session

QUADRANTS = ('upper left', 'upper right', 'lower left', 'lower right')


def true_centers(
    keypoints: np.ndarray, visibility: np.ndarray, lowest: int
) -> np.ndarray:
    """Return the mean of the supervised keypoints, as POETCodec does.

    Args:
        keypoints (np.ndarray): (N, K, 2) in pixels.
        visibility (np.ndarray): (N, K), COCO's v.
        lowest (int): Least v of a supervised keypoint.

    Returns:
        np.ndarray: (N, 2) in pixels, NaN without such a keypoint.
    """
    weights = (visibility >= lowest)[..., None]  # (N, K, 1)
    with np.errstate(invalid='ignore'):  # 0 / 0
        return (keypoints * weights).sum(axis=1) / weights.sum(axis=1)


def relative_errors(
    predicted: np.ndarray, true: np.ndarray, bbox: np.ndarray
) -> np.ndarray:
    """Return (predicted - true centre) / diagonal of the box.

    Args:
        predicted (np.ndarray): (N, 2) in pixels.
        true (np.ndarray): (N, 2) in pixels.
        bbox (np.ndarray): (N, 4), x, y, width, height in pixels.

    Returns:
        np.ndarray: (N, 2), x to the right and y down; NaN without a true
        centre or a box.
    """
    diagonal = np.hypot(bbox[:, 2], bbox[:, 3])[:, None]
    return (predicted - true) / np.where(diagonal > 0, diagonal, np.nan)


def quadrant_shares(errors: np.ndarray) -> Optional[Dict[str, float]]:
    """Return the share of errors (M, 2) in each of :data:`QUADRANTS`.

    An error of 0 counts as right and lower. None without errors.
    """
    if not len(errors):
        return None
    quadrant = 2 * (errors[:, 1] >= 0) + (errors[:, 0] >= 0)
    counts = np.bincount(quadrant, minlength=4)
    return dict(zip(QUADRANTS, (counts / len(errors)).tolist()))


class CentersAnalysis(Analysis):
    """Show the errors of the centres of all matched people, and one image."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.rows: List[dict] = []

    def add(self, record: ImageRecord) -> None:
        """Add a row for every matched person with a centre."""
        super().add(record)
        match, people = record.match, record.people
        lowest = self.session.model.head.codec.lowest_supervised
        true = true_centers(people.keypoints, people.visibility, lowest)
        true = true[match.people]
        predicted = record.prediction.centers[-1, record.matched_queries]
        errors = relative_errors(predicted, true, people.bbox[match.people])
        columns = dict(
            annotation_id=people.ids[match.people],
            oks=match.oks.round(6),
            predicted_x=predicted[:, 0].astype(float).round(3),
            predicted_y=predicted[:, 1].astype(float).round(3),
            true_x=true[:, 0].round(3),
            true_y=true[:, 1].round(3),
            dx=errors[:, 0].round(6),
            dy=errors[:, 1].round(6),
        )
        for m in np.flatnonzero(~np.isnan(errors).any(axis=1)):
            row = {name: column[m] for name, column in columns.items()}
            self.rows.append(dict(image_id=record.img_id, **row))

    def result(self) -> Result:
        """Return the figure of all images so far."""
        errors = np.array([(row['dx'], row['dy']) for row in self.rows])
        errors = errors.reshape(-1, 2)
        shares = quadrant_shares(errors)
        mean = distance = None
        if len(errors):
            mean = errors.mean(axis=0)
            distance = np.linalg.norm(errors, axis=1).mean()
        return Result(
            name='centers',
            title='Centres (Fig. 7)',
            caption='Left: predicted centres and offset vectors of the people '
            'found in an image. Middle and right: (predicted - true centre) / '
            f'diagonal of the box, of {len(errors)} people; up is up in the '
            'image. Percentages: share per quadrant. The true centre is the '
            f'mean of the supervised keypoints. {self.source}',
            numbers=dict(
                **self.counts,
                people=len(errors),
                quadrants=shares,
                mean=mean,
                mean_distance=distance,
                example=self.example.img_id,
            ),
            rows=self.rows,
            draw=lambda out: draw_centers(self.example, errors, shares, out),
        )
