"""Evaluate every keypoint alone, by COCO's v.

Letters: n labelled keypoints of matched people, M matched people, K keypoints.
"""

import io
import logging
from contextlib import contextmanager, redirect_stdout
from typing import Dict, Iterator, List, NamedTuple, Sequence

import numpy as np
from mmengine.logging import MMLogger, print_log
from mmpose.registry import METRICS
from tabulate import tabulate

from ..errors import UserError
from .fast_coco_metric import FastCocoMetric
from .oks import (
    Match,
    People,
    keypoint_similarity,
    labelled_people,
    match_people,
    oks_matrix,
)

# Map the column "v" of the table to COCO's v: 1 hidden, 2 visible.
CLASSES = {'1': (1,), '2': (2,), 'all': (1, 2)}
FORMATS = ('', '', '', '', '.3f', '.2f', '.2f', '.4f', '.4f', '.3f')


@contextmanager
def silence() -> Iterator[None]:
    """Keep COCO's tables and mmengine's messages off the screen."""
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)


class KeypointErrors(NamedTuple):
    """Hold the n labelled keypoints of matched people; all arrays are (n,)."""

    keypoint: np.ndarray  # index, 0 to K - 1
    v: np.ndarray  # COCO's, 1 or 2
    similarity: np.ndarray  # in [0, 1]
    pixels: np.ndarray  # distance from the ground truth
    size: np.ndarray  # the same distance / sqrt(area); NaN if the area is 0


def measure_keypoints(
    keypoints: np.ndarray, people: People, match: Match, sigmas: np.ndarray
) -> KeypointErrors:
    """Compare the labelled keypoints of the M matched people of an image.

    Args:
        keypoints (np.ndarray): (Q, K, 2) of predictions, in pixels.
        people (People): N people.
        match (Match): M pairs of predictions and people.
        sigmas (np.ndarray): (K, ), of the data set's metainfo.
    """
    v = people.visibility[match.people]  # (M, K)
    m, k = np.nonzero(v > 0)
    q, n = match.queries[m], match.people[m]
    similarity = keypoint_similarity(
        keypoints, people.keypoints, people.area, sigmas
    )
    error = keypoints[q, k] - people.keypoints[n, k]  # (n, 2)
    pixels = np.hypot(error[:, 0], error[:, 1])
    area = people.area[n]
    size = pixels / np.sqrt(np.where(area > 0, area, np.nan))
    return KeypointErrors(k, v[m, k], similarity[q, n, k], pixels, size)


def keep_keypoint(person: dict, k: int, classes: Sequence[int]) -> dict:
    """Return an annotation without labels but that of keypoint ``k``.

    Args:
        person (dict): Entry of the annotation file.
        k (int): Index of the keypoint.
        classes (Sequence[int]): COCO's v that count as labelled.

    Returns:
        dict: A copy. COCO ignores it if no label is left.
    """
    part = slice(3 * k, 3 * k + 3)
    label = person['keypoints'][part]
    labelled = label[2] in classes
    keypoints = [0] * len(person['keypoints'])
    if labelled:
        keypoints[part] = label
    return dict(person, keypoints=keypoints, num_keypoints=int(labelled))


def summarise(values: np.ndarray) -> tuple:
    """Return median and 90th percentile, None without finite values."""
    values = values[np.isfinite(values)]
    if not len(values):
        return None, None
    median, high = np.percentile(values, [50, 90])
    return round(float(median), 5), round(float(high), 5)


def summarise_errors(
    errors: KeypointErrors, k: int, classes: Sequence[int]
) -> dict:
    """Return the columns ``found`` to ``p90_size`` of a row of the table.

    Args:
        errors (KeypointErrors): Of all keypoints.
        k (int): Index of the keypoint.
        classes (Sequence[int]): COCO's v that count.
    """
    chosen = (errors.keypoint == k) & np.isin(errors.v, classes)
    median_px, p90_px = summarise(errors.pixels[chosen])
    median_size, p90_size = summarise(errors.size[chosen])
    oks = None
    if chosen.any():
        oks = round(float(errors.similarity[chosen].mean()), 5)
    return dict(
        found=int(chosen.sum()),
        oks=oks,
        median_px=median_px,
        p90_px=p90_px,
        median_size=median_size,
        p90_size=p90_size,
    )


def format_table(rows: List[dict]) -> str:
    """Return the rows of :meth:`KeypointMetric.rows` as text."""
    return tabulate(rows, 'keys', floatfmt=FORMATS, missingval='-')


@METRICS.register_module()
class KeypointMetric(FastCocoMetric):
    """Evaluate every keypoint alone, and log a table.

    AP of a keypoint is COCO's AP with the similarity of that keypoint in place
    of OKS. People without that label (or with another v) are ignored, and so
    are the detections that match them, as COCO does with people without any
    label. The other numbers are of matched people: those with a prediction
    of at least ``score_thr`` and an OKS of all keypoints of at least 0.1.

    Args:
        *args: As in :class:`FastCocoMetric`.
        score_thr (float): Least score of a matched prediction, in [0, 1].
            Defaults to 0.5.
        **kwargs: As in :class:`FastCocoMetric`.

    Raises:
        UserError: There is no ``ann_file``.
    """

    default_prefix = 'keypoints'

    def __init__(self, *args, score_thr: float = 0.5, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if self.coco is None:
            raise UserError(
                'The evaluator has no ann_file, and keypoints are evaluated '
                'with annotations of a file. Set ann_file of the evaluator.'
            )
        self.score_thr = score_thr
        self.outfile_prefix, self.format_only = None, False  # no files
        self.small = False

    def compute_metrics(self, results: list) -> Dict[str, float]:
        """Log the table, and return AP by name of the keypoint.

        A keypoint without labels has no AP.
        """
        rows = self.rows(results)
        print_log(f'By keypoint:\n{format_table(rows)}', logger='current')
        return {
            f'AP {row["keypoint"]}': row['AP']
            for row in rows
            if row['v'] == 'all' and row['AP'] is not None
        }

    def rows(self, results: list) -> List[dict]:
        """Return the table, three rows for each keypoint: v = 1, 2 and all.

        Args:
            results (list): What ``process`` collects.

        Returns:
            list[dict]: ``keypoint``; ``v``; ``labelled``, keypoints of all
            people; ``found``, those of matched people, of which are ``oks``,
            the mean similarity, and median and 90th percentile of the error,
            ``median_px`` and ``p90_px`` in pixels, ``median_size`` and
            ``p90_size`` in units of the square root of the person's area;
            ``AP`` in [0, 1]. None where there is no keypoint.
        """
        names = self.dataset_meta['keypoint_id2name']
        labelled = self._count_labels()
        errors = self._measure(results)
        with silence():
            precisions = super().compute_metrics(results)
        return [
            dict(
                keypoint=names[k],
                v=label,
                labelled=int(labelled[k, list(CLASSES[label])].sum()),
                **summarise_errors(errors, k, CLASSES[label]),
                AP=round(ap, 5) if ap >= 0 else None,
            )
            for (k, label), ap in precisions.items()
        ]

    def _labelled_people(self, img_id: int) -> People:
        """Return the people of an image that COCO evaluates."""
        K = self.dataset_meta['num_keypoints']
        return labelled_people(self.coco.imgToAnns.get(img_id, []), K)

    def _count_labels(self) -> np.ndarray:
        """Return the number (K, 3) of keypoints with v = 0, 1 and 2."""
        counts = np.zeros((self.dataset_meta['num_keypoints'], 3), int)
        for img_id in self.coco.getImgIds():
            v = self._labelled_people(img_id).visibility  # (N, K)
            counts += np.stack([(v == c).sum(axis=0) for c in range(3)], -1)
        return counts

    def _measure(self, results: list) -> KeypointErrors:
        """Return the errors of the matched people of all images."""
        K, sigmas = (
            self.dataset_meta[key] for key in ('num_keypoints', 'sigmas')
        )
        parts = []
        for prediction, _ in results:
            people = self._labelled_people(prediction['img_id'])
            keypoints = np.asarray(prediction['keypoints'], np.float64)
            scores = np.asarray(prediction['bbox_scores'])
            keypoints = keypoints[scores >= self.score_thr].reshape(-1, K, 2)
            match = match_people(oks_matrix(keypoints, people, sigmas))
            parts.append(measure_keypoints(keypoints, people, match, sigmas))
        return KeypointErrors(*map(np.concatenate, zip(*parts)))

    # Private API (mmpose 1.3.2, checked): CocoMetric calls it to evaluate.
    def _do_python_keypoint_eval(self, outfile_prefix: str) -> list:
        """Return COCO's AP for each keypoint and each of :data:`CLASSES`.

        The detections are collected once, by ``results2json``.

        Args:
            outfile_prefix (str): Prefix of the file of detections, if there
                is one.

        Returns:
            list[tuple]: ((index of the keypoint, label), AP); -1 without
            people.
        """
        detections, found = self._detections, []
        for k in range(self.dataset_meta['num_keypoints']):
            for label, classes in CLASSES.items():
                self._detections = detections
                with silence(), self._only(k, classes):
                    stats = super()._do_python_keypoint_eval(outfile_prefix)
                found.append(((k, label), float(dict(stats)['AP'])))
        return found

    @contextmanager
    def _only(self, k: int, classes: Sequence[int]) -> Iterator[None]:
        """Hide the labels of the other keypoints from COCO's code."""
        dataset = self.coco.dataset
        people = [
            keep_keypoint(person, k, classes)
            for person in dataset['annotations']
        ]
        try:
            self.coco.dataset = dict(dataset, annotations=people)
            self.coco.createIndex()
            yield
        finally:
            self.coco.dataset = dataset
            self.coco.createIndex()
