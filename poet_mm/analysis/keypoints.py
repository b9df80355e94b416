"""Evaluate every keypoint alone, and show where the model errs.

Letters: N people, K keypoints.
"""

from typing import List

import numpy as np

from ..evaluation.keypoint_metric import silence
from ..evaluation.oks import People
from .collect import ImageRecord
from .layers import add_prediction, build_metric
from .plots.keypoints import draw_keypoints
from .result import Analysis, Result
from .session import Session


def normalise_poses(people: People) -> np.ndarray:
    """Return the keypoints (N, K, 2) relative to the box of each person.

    Returns:
        np.ndarray: Offsets from the centre of the box, in units of the square
        root of its area; NaN without a label or an area.
    """
    corner, extent = people.bbox[:, None, :2], people.bbox[:, None, 2:]
    size = np.sqrt(extent.prod(axis=-1, keepdims=True))  # (N, 1, 1)
    labelled = (people.visibility > 0)[..., None] & (size > 0)  # (N, K, 1)
    offsets = people.keypoints - corner - extent / 2
    return np.where(labelled, offsets / np.where(size > 0, size, 1), np.nan)


def mean_pose(poses: np.ndarray) -> np.ndarray:
    """Return the mean of poses that all face the same way.

    1. Take the pose with the most keypoints as reference.
    2. Mirror each pose that is closer to the reference then: left and right
       of people seen from front and back would meet in the middle.
    3. Take the mean of each keypoint's labels.

    Args:
        poses (np.ndarray): (N, K, 2), from :func:`normalise_poses`.

    Returns:
        np.ndarray: (K, 2); NaN for a keypoint without any label.
    """
    if not len(poses):
        return np.full(poses.shape[1:], np.nan)
    counts = np.isfinite(poses).all(axis=-1).sum(axis=-1)  # (N, )
    reference = poses[counts.argmax()]  # 1.
    mirrored = poses * (-1, 1)
    distance, other = (
        np.nansum((each - reference) ** 2, axis=(1, 2))
        for each in (poses, mirrored)
    )
    poses = np.where((other < distance)[:, None, None], mirrored, poses)  # 2.
    labels = np.isfinite(poses).sum(axis=0)  # (K, 2)
    mean = np.nansum(poses, axis=0) / np.maximum(labels, 1)
    return np.where(labels, mean, np.nan)  # 3.


class KeypointsAnalysis(Analysis):
    """Show errors and AP of every keypoint, by COCO's v."""

    poet_only = False

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.poses: List[np.ndarray] = []
        with silence():
            self.metric = build_metric(
                session, type='KeypointMetric', score_thr=session.score_thr
            )

    def add(self, record: ImageRecord) -> None:
        """Pass the predictions to the metric, and keep the true poses."""
        super().add(record)
        add_prediction(self.metric, record)
        self.poses.append(normalise_poses(record.people))

    def result(self) -> Result:
        """Return the figure of all images so far."""
        rows = self.metric.rows(self.metric.results)
        pose = mean_pose(np.concatenate(self.poses))
        return Result(
            name='keypoints',
            title='Keypoints',
            caption='Left: median error of every keypoint, on the mean pose '
            'of the ground truth. Right: median error by v of COCO (1 hidden, '
            '2 visible); lines end at the 90th percentile. Errors are '
            'distances of matched people, in percent of the square root of '
            'the area. AP of a keypoint in the table is the AP of COCO with '
            'the similarity of that keypoint alone; people without that '
            f'label are ignored. {self.extremes(rows)} {self.source}',
            numbers=dict(**self.counts, keypoints=rows),
            rows=rows,
            draw=lambda out: draw_keypoints(
                rows, pose, self.session.metainfo['skeleton_links'], out
            ),
        )

    @staticmethod
    def extremes(rows: List[dict]) -> str:
        """Return a sentence about the best and the worst keypoint."""
        found = [
            row
            for row in rows
            if row['v'] == 'all' and row['median_size'] is not None
        ]
        if not found:
            return 'No labelled keypoint of a matched person was found.'
        best, *_, worst = sorted(
            [found[0], *found], key=lambda row: row['median_size']
        )
        return (
            f'Smallest median error: {best["keypoint"]}, '
            f'{100 * best["median_size"]:.1f} %; largest: '
            f'{worst["keypoint"]}, {100 * worst["median_size"]:.1f} %.'
        )
