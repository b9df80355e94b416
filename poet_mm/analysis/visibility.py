"""Evaluate predicted visibility (paper Fig. 8): as detector and probability.

Letters: n keypoints of matched people, M people, K keypoints of a person.
"""

from typing import List, Mapping, Optional, Sequence

import numpy as np
from scipy.integrate import trapezoid

from ..codecs.poet_codec import HIDDEN, VISIBLE
from .calibration import (
    PRECISIONS,
    evaluate_temperature,
    measure,
    measure_each_keypoint,
    reliability_bins,
    split_questions,
    threshold_rows,
)
from .collect import ImageRecord
from .plots.visibility import draw_visibility
from .result import Analysis, Result
from .session import Session

CLASSES = (0, HIDDEN, VISIBLE)  # COCO's v
CURVE_POINTS = 200  # of the ROC
NAMES = dict(trained='As trained', visible='Visible', labelled='Labelled')


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
    scores, hidden = 1 - visibility[labelled], classes[labelled] == HIDDEN
    if not hidden.any() or hidden.all():
        return None
    # Count hits and false positives at every threshold, highest first.
    order = np.argsort(-scores, kind='stable')
    last = np.append(np.diff(scores[order]) != 0, True)  # of equal scores
    hits = np.cumsum(hidden[order])[last]
    precision = hits / (np.flatnonzero(last) + 1)
    hits = np.append(0, hits)
    false = np.append(0, np.cumsum(~hidden[order])[last])
    true_rate, false_rate = hits / hits[-1], false / false[-1]
    return dict(
        auc=float(trapezoid(true_rate, false_rate)),
        ap=float((precision * np.diff(true_rate)).sum()),
        occluded_share=float(hidden.mean()),
        false_positive_rate=thin(false_rate),
        true_positive_rate=thin(true_rate),
    )


def thin(values: np.ndarray, count: int = CURVE_POINTS) -> np.ndarray:
    """Return at most ``count`` of the values, with the first and the last."""
    index = np.linspace(0, len(values) - 1, min(count, len(values)))
    return np.round(values[index.astype(int)], 5)


def describe_detector(detector: Optional[dict]) -> str:
    """Return a sentence about :func:`occlusion_detector`."""
    if detector is None:
        return 'Either no hidden or no visible keypoint was found.'
    return (
        f'AUC {detector["auc"]:.3f}, AP {detector["ap"]:.3f} '
        f'(chance: {detector["occluded_share"]:.3f}).'
    )


def describe_calibration(calibration: Mapping[str, Mapping]) -> str:
    """Return sentences about the reliability diagram."""
    text = (
        'Right: mean predicted visibility in 10 bins against the share of '
        'keypoints that are visible (as trained: v = 2 against 0 and 1; '
        'visible: v = 2 against 1) or labelled (v > 0 against 0); larger '
        'points have more keypoints.'
    )
    for question, numbers in calibration.items():
        if numbers['ece'] is None:
            text += f' {NAMES[question]}: one class has no keypoint.'
        else:
            text += (
                f' {NAMES[question]}: expected calibration error (ECE) '
                f'{numbers["ece"]:.3f}, Brier score {numbers["brier"]:.3f}.'
            )
    return text


def describe_temperature(found: Optional[dict]) -> str:
    """Return a sentence about :func:`evaluate_temperature`."""
    if found is None:
        return (
            'No temperature was fitted: it needs visible and other '
            'keypoints in both halves of the images.'
        )
    return (
        f'Temperature {found["temperature"]:.3f} (v = 2 against 0 and 1), '
        'fitted on every second image, changes the others from ECE '
        f'{found["ece_before"]:.3f} to {found["ece_after"]:.3f} and from '
        f'Brier score {found["brier_before"]:.3f} to '
        f'{found["brier_after"]:.3f}.'
    )


class VisibilityAnalysis(Analysis):
    """Show the predicted visibility of matched people, by COCO's v."""

    def __init__(
        self, session: Session, precisions: Sequence[float] = PRECISIONS
    ) -> None:
        super().__init__(session)
        self.precisions = precisions
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
        images, joints, classes, predicted = (
            np.array([row[key] for row in self.rows])
            for key in ('image_id', 'joint', 'v', 'predicted')
        )
        groups = {v: predicted[classes == v] for v in CLASSES}
        detector = occlusion_detector(predicted, classes)
        calibration = {
            question: dict(**measure(*pair), bins=reliability_bins(*pair))
            for question, pair in split_questions(predicted, classes).items()
        }
        temperature = evaluate_temperature(predicted, classes, images)
        names = self.session.metainfo['keypoint_id2name'].values()
        keypoints = measure_each_keypoint(
            predicted, classes, joints, list(names)
        )
        return Result(
            name='visibility',
            title='Visibility (Fig. 8)',
            caption='Left: predicted visibility of the keypoints of matched '
            "people, by COCO's class (0 not labelled, 1 hidden, 2 visible); "
            'bars are medians. Middle: 1 - visibility as a detector of '
            'hidden keypoints, v = 1 against v = 2. '
            f'{describe_detector(detector)} '
            f'{describe_calibration(calibration)} '
            f'{describe_temperature(temperature)} {self.source}',
            numbers=dict(
                **self.counts,
                joints={v: len(values) for v, values in groups.items()},
                median={
                    v: np.median(values) if len(values) else None
                    for v, values in groups.items()
                },
                occlusion_detector=detector,
                calibration=calibration,
                keypoints=keypoints,
                temperature=temperature,
                thresholds=threshold_rows(predicted, classes, self.precisions),
            ),
            rows=self.rows,
            tables=dict(keypoints=keypoints),
            draw=lambda out: draw_visibility(
                groups, detector, calibration, out
            ),
        )
