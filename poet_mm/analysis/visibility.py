"""What the predicted visibility tells of occlusion (paper Fig. 8)."""

from typing import Dict, List, Optional, Tuple

import numpy as np

from ..codecs.poet_codec import OCCLUDED, VISIBLE
from .collect import ImageRecord
from .plots.visibility import draw_visibility
from .result import Analysis, Result, Table
from .session import Session

CLASSES = (0, OCCLUDED, VISIBLE)  # COCO's v
COLUMNS = ('image_id', 'annotation_id', 'joint', 'v', 'predicted')
CURVE_POINTS = 200  # of the ROC in the JSON


def threshold_counts(
    scores: np.ndarray, positive: np.ndarray
) -> Tuple[np.ndarray, np.ndarray]:
    """True and false positives at every threshold, from the highest on.

    Args:
        scores (np.ndarray): (n, ), high where a detector says yes.
        positive (np.ndarray): (n, ), where it should.

    Returns:
        tuple: Counts at each different score, beginning with 0 and 0.
    """
    order = np.argsort(-scores, kind='stable')
    last = np.append(np.diff(scores[order]) != 0, True)  # of equal scores
    hits = np.cumsum(positive[order])[last]
    total = np.flatnonzero(last) + 1
    return np.append(0, hits), np.append(0, total - hits)


def roc_curve(
    scores: np.ndarray, positive: np.ndarray
) -> Tuple[np.ndarray, np.ndarray]:
    """False and true positive rate at every threshold, both from 0 to 1."""
    true, false = threshold_counts(scores, positive)
    return false / false[-1], true / true[-1]


def area_under(x: np.ndarray, y: np.ndarray) -> float:
    """Area under a line through points, x ascending."""
    return float((np.diff(x) * (y[1:] + y[:-1]) / 2).sum())


def average_precision(scores: np.ndarray, positive: np.ndarray) -> float:
    """Sum over thresholds of precision times the gain in recall."""
    true, false = threshold_counts(scores, positive)
    precision = true[1:] / (true + false)[1:]
    return float((precision * np.diff(true) / true[-1]).sum())


def occlusion_detector(
    visibility: np.ndarray, classes: np.ndarray
) -> Optional[dict]:
    """How well 1 - visibility tells occluded (v = 1) from visible (v = 2).

    Args:
        visibility (np.ndarray): (n, ), predicted, of n joints.
        classes (np.ndarray): (n, ), COCO's v.

    Returns:
        dict | None: ``auc``, ``ap``, ``occluded_share`` (the AP of chance),
        ``false_positive_rate`` and ``true_positive_rate``. None if there are
        no joints of one of the classes.
    """
    labelled = classes > 0
    scores, occluded = 1 - visibility[labelled], classes[labelled] == OCCLUDED
    if not occluded.any() or occluded.all():
        return None
    false, true = roc_curve(scores, occluded)
    return dict(
        auc=area_under(false, true),
        ap=average_precision(scores, occluded),
        occluded_share=float(occluded.mean()),
        false_positive_rate=false,
        true_positive_rate=true,
    )


def thin(values: np.ndarray, count: int = CURVE_POINTS) -> np.ndarray:
    """At most so many of the values, first and last included."""
    index = np.linspace(0, len(values) - 1, min(count, len(values)))
    return np.round(values[index.astype(int)], 5)


class VisibilityAnalysis(Analysis):
    """Predicted visibility of all joints of matched people, by COCO's v.

    Args:
        session (Session): Model and images.
    """

    name = 'visibility'

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.images: List[Dict[str, np.ndarray]] = []

    def add(self, record: ImageRecord) -> None:
        super().add(record)
        match = record.match
        predicted = record.prediction.visibility[-1, record.matched_queries]
        true = record.people.visibility[match.people]  # (M, K)
        ids = record.people.ids[match.people]  # (M, )
        self.images.append(
            dict(
                image_id=np.full(true.size, record.img_id),
                annotation_id=np.repeat(ids, true.shape[1]),
                joint=np.tile(np.arange(true.shape[1]), len(true)),
                v=true.ravel().astype(np.int64),
                predicted=predicted.ravel().astype(np.float64).round(5),
            )
        )

    def columns(self) -> Dict[str, np.ndarray]:
        """Of the joints of all images."""
        return {
            name: np.concatenate([image[name] for image in self.images])
            for name in COLUMNS
        }

    def result(self) -> Result:
        columns = self.columns()
        classes, predicted = columns['v'], columns['predicted']
        groups = {v: predicted[classes == v] for v in CLASSES}
        detector = occlusion_detector(predicted, classes)
        said = 'There are not both occluded and visible joints.'
        if detector is not None:
            said = (
                f'AUC {detector["auc"]:.3f}, AP {detector["ap"]:.3f} '
                f'(chance: {detector["occluded_share"]:.3f}).'
            )
        thinned = detector and {
            key: thin(value) if isinstance(value, np.ndarray) else value
            for key, value in detector.items()
        }
        return Result(
            name=self.name,
            title='Visibility (Fig. 8)',
            caption='Left: predicted visibility of the joints of matched '
            "people, by COCO's class (0 not labelled, 1 occluded, 2 visible); "
            'bars are medians. Right: 1 - visibility as a detector of '
            f'occlusion, v = 1 against v = 2. {said} {self.what_was_run}',
            numbers=dict(
                **self.counts,
                joints={v: len(values) for v, values in groups.items()},
                median={
                    v: float(np.median(values)) if len(values) else None
                    for v, values in groups.items()
                },
                occlusion_detector=thinned,
            ),
            rows=Table(columns),
            draw=lambda out: draw_visibility(groups, detector, out),
        )
