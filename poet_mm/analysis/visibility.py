"""Evaluate the predicted visibility as a detector of occlusion (paper Fig. 8).

Letters: n keypoints of matched people, M people, K keypoints of a person.
"""

from typing import List, Optional

import numpy as np
from scipy.integrate import trapezoid

from ..codecs.poet_codec import OCCLUDED, VISIBLE
from .collect import ImageRecord
from .plots.visibility import draw_visibility
from .result import Analysis, Result
from .session import Session

CLASSES = (0, OCCLUDED, VISIBLE)  # COCO's v
CURVE_POINTS = 200  # of the ROC


def occlusion_detector(
    visibility: np.ndarray, classes: np.ndarray
) -> Optional[dict]:
    """Measure how well 1 - visibility separates v = 1 from v = 2.

    Args:
        visibility (np.ndarray): (n, ), predicted.
        classes (np.ndarray): (n, ), COCO's v.

    Returns:
        dict | None: ``auc``, ``ap``, ``occluded_share`` (the AP of chance),
        and at most :data:`CURVE_POINTS` points of the ROC, arrays
        ``false_positive_rate`` and ``true_positive_rate``, from 0 to 1. None
        if there are no keypoints of one of the classes.
    """
    labelled = classes > 0
    scores, occluded = 1 - visibility[labelled], classes[labelled] == OCCLUDED
    if not occluded.any() or occluded.all():
        return None
    # Count hits and false positives at every threshold, highest first.
    order = np.argsort(-scores, kind='stable')
    last = np.append(np.diff(scores[order]) != 0, True)  # of equal scores
    hits = np.cumsum(occluded[order])[last]
    precision = hits / (np.flatnonzero(last) + 1)
    hits = np.append(0, hits)
    false = np.append(0, np.cumsum(~occluded[order])[last])
    true_rate, false_rate = hits / hits[-1], false / false[-1]
    return dict(
        auc=float(trapezoid(true_rate, false_rate)),
        ap=float((precision * np.diff(true_rate)).sum()),
        occluded_share=float(occluded.mean()),
        false_positive_rate=thin(false_rate),
        true_positive_rate=thin(true_rate),
    )


def thin(values: np.ndarray, count: int = CURVE_POINTS) -> np.ndarray:
    """Return at most ``count`` of the values, with the first and the last."""
    index = np.linspace(0, len(values) - 1, min(count, len(values)))
    return np.round(values[index.astype(int)], 5)


class VisibilityAnalysis(Analysis):
    """Show the predicted visibility of matched people, by COCO's v."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.rows: List[dict] = []

    def add(self, record: ImageRecord) -> None:
        """Add a row for every keypoint of a matched person."""
        super().add(record)
        match = record.match
        predicted = record.prediction.visibility[-1, record.matched_queries]
        true = record.people.visibility[match.people]  # (M, K)
        ids = record.people.ids[match.people]  # (M, )
        for (m, k), v in np.ndenumerate(true):
            row = dict(image_id=record.img_id, annotation_id=ids[m], joint=k)
            row.update(v=int(v), predicted=round(float(predicted[m, k]), 5))
            self.rows.append(row)

    def result(self) -> Result:
        """Return the figure of all images so far."""
        classes = np.array([row['v'] for row in self.rows])
        predicted = np.array([row['predicted'] for row in self.rows])
        groups = {v: predicted[classes == v] for v in CLASSES}
        detector = occlusion_detector(predicted, classes)
        numbers = 'Either no occluded or no visible keypoint was found.'
        if detector is not None:
            numbers = (
                f'AUC {detector["auc"]:.3f}, AP {detector["ap"]:.3f} '
                f'(chance: {detector["occluded_share"]:.3f}).'
            )
        return Result(
            name='visibility',
            title='Visibility (Fig. 8)',
            caption='Left: predicted visibility of the keypoints of matched '
            "people, by COCO's class (0 not labelled, 1 occluded, 2 visible); "
            'bars are medians. Right: 1 - visibility as a detector of '
            f'occlusion, v = 1 against v = 2. {numbers} {self.source}',
            numbers=dict(
                **self.counts,
                joints={v: len(values) for v, values in groups.items()},
                median={
                    v: np.median(values) if len(values) else None
                    for v, values in groups.items()
                },
                occlusion_detector=detector,
            ),
            rows=self.rows,
            draw=lambda out: draw_visibility(groups, detector, out),
        )
