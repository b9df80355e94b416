"""Measure how well predicted visibility agrees with observed shares.

Sources: Guo et al., "On Calibration of Modern Neural Networks" (ICML 2017),
for the expected calibration error (ECE) and the temperature; Brier (Monthly
Weather Review, 1950) for the score.

Letters: n keypoints.
"""

from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np
from scipy.optimize import minimize_scalar

from ..codecs.poet_codec import HIDDEN, VISIBLE
from ..models.instances import apply_temperature, visibility_logits

BINS = 10  # of equal width, over [0, 1]
TEMPERATURES = (0.05, 20.0)  # bounds of the fit
PRECISIONS = (0.5, 0.7, 0.9)  # default, of hidden keypoints


def bin_sums(
    visibility: np.ndarray, positive: np.ndarray
) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return keypoints, sum of visibility and positives of each bin.

    Args:
        visibility (np.ndarray): (n, ), predicted, in [0, 1].
        positive (np.ndarray): (n, ), bool.

    Returns:
        tuple: Three arrays (BINS, ). A bin contains its lower end; the last
        one contains 1, too.
    """
    index = np.minimum((visibility * BINS).astype(int), BINS - 1)
    counts, sums, positives = (
        np.bincount(index, weights, BINS)
        for weights in (None, visibility, positive)
    )
    return counts, sums, positives


def reliability_bins(visibility: np.ndarray, positive: np.ndarray) -> dict:
    """Return the points of a reliability diagram.

    Args:
        visibility (np.ndarray): (n, ), predicted, in [0, 1].
        positive (np.ndarray): (n, ), bool.

    Returns:
        dict: Lists of :data:`BINS` values: ``count`` of keypoints,
        ``confidence`` (their mean visibility) and ``share`` (of the positive
        ones), the latter two None where a bin is empty.
    """
    counts, sums, positives = bin_sums(visibility, positive)

    def mean(total: np.ndarray) -> List[Optional[float]]:
        return [
            float(value / count) if count else None
            for value, count in zip(total, counts)
        ]

    return dict(
        count=counts.tolist(), confidence=mean(sums), share=mean(positives)
    )


def expected_calibration_error(
    visibility: np.ndarray, positive: np.ndarray
) -> float:
    """Return the mean of abs(confidence - share), over keypoints.

    Args:
        visibility (np.ndarray): (n, ), predicted, in [0, 1]; n > 0.
        positive (np.ndarray): (n, ), bool.
    """
    _, sums, positives = bin_sums(visibility, positive)
    return float(np.abs(sums - positives).sum() / len(visibility))


def brier_score(visibility: np.ndarray, positive: np.ndarray) -> float:
    """Return the mean squared difference of visibility and 0 or 1.

    Args:
        visibility (np.ndarray): (n, ), predicted, in [0, 1]; n > 0.
        positive (np.ndarray): (n, ), bool.
    """
    return float(np.mean((visibility - positive) ** 2))


def split_questions(
    visibility: np.ndarray, classes: np.ndarray
) -> Dict[str, Tuple[np.ndarray, np.ndarray]]:
    """Return visibility and positives for each question.

    Args:
        visibility (np.ndarray): (n, ), predicted.
        classes (np.ndarray): (n, ), COCO's v.

    Returns:
        dict: ``trained``: v = 2 against v = 0 and 1, what a POET is trained to
        predict; ``visible``: v = 2 against v = 1, without the unlabelled ones;
        ``labelled``: v > 0 against v = 0.
    """
    labelled = classes > 0
    return dict(
        trained=(visibility, classes == VISIBLE),
        visible=(visibility[labelled], classes[labelled] == VISIBLE),
        labelled=(visibility, labelled),
    )


def measure(visibility: np.ndarray, positive: np.ndarray) -> dict:
    """Return ``count``, ``share`` of positives, ``ece`` and ``brier``.

    Without a keypoint of one of the two classes, ``ece`` and ``brier`` are
    None; without any keypoint also ``share``.
    """
    both = positive.any() and not positive.all()
    return dict(
        count=len(positive),
        share=float(positive.mean()) if len(positive) else None,
        ece=expected_calibration_error(visibility, positive) if both else None,
        brier=brier_score(visibility, positive) if both else None,
    )


def measure_each_keypoint(
    visibility: np.ndarray,
    classes: np.ndarray,
    indices: np.ndarray,
    names: Sequence[str],
) -> List[dict]:
    """Return a row for each keypoint name and question.

    Args:
        visibility (np.ndarray): (n, ), predicted.
        classes (np.ndarray): (n, ), COCO's v.
        indices (np.ndarray): (n, ), index of the name.
        names (sequence[str]): Names of a person's keypoints.
    """
    return [
        dict(keypoint=name, question=question, **measure(*pair))
        for k, name in enumerate(names)
        for question, pair in split_questions(
            visibility[indices == k], classes[indices == k]
        ).items()
    ]


def fit_temperature(visibility: np.ndarray, positive: np.ndarray) -> float:
    """Return the temperature of the smallest negative log-likelihood.

    The likelihood has one maximum, because its logarithm is concave in
    1 / temperature.

    Args:
        visibility (np.ndarray): (n, ), predicted, in [0, 1]; n > 0.
        positive (np.ndarray): (n, ), bool, of both classes.

    Returns:
        float: Within :data:`TEMPERATURES`; above 1 where the model is too
        certain.
    """
    logits = visibility_logits(visibility)
    signed = np.where(positive, logits, -logits)
    best = minimize_scalar(
        lambda t: np.logaddexp(0, -signed / np.exp(t)).mean(),
        bounds=np.log(TEMPERATURES),
        method='bounded',
    )
    return float(np.exp(best.x))


def evaluate_temperature(
    visibility: np.ndarray, classes: np.ndarray, images: np.ndarray
) -> Optional[dict]:
    """Fit a temperature on every second image, and test it on the others.

    Args:
        visibility (np.ndarray): (n, ), predicted.
        classes (np.ndarray): (n, ), COCO's v.
        images (np.ndarray): (n, ), id of the image.

    Returns:
        dict | None: ``temperature``, ``fitted_keypoints``,
        ``tested_keypoints``, and of the latter ``ece_before``, ``ece_after``,
        ``brier_before``, ``brier_after``, for v = 2 against v = 0 and 1. None
        if one half has no keypoint of one of these classes.
    """
    _, rank = np.unique(images, return_inverse=True)
    halves = [
        split_questions(visibility[half], classes[half])['trained']
        for half in (rank % 2 == 0, rank % 2 == 1)
    ]
    if not all(set(positive) == {False, True} for _, positive in halves):
        return None
    temperature = fit_temperature(*halves[0])
    before, positive = halves[1]
    after = apply_temperature(before, temperature)
    return dict(
        temperature=temperature,
        fitted_keypoints=len(halves[0][0]),
        tested_keypoints=len(before),
        ece_before=expected_calibration_error(before, positive),
        ece_after=expected_calibration_error(after, positive),
        brier_before=brier_score(before, positive),
        brier_after=brier_score(after, positive),
    )


def visibility_threshold(
    visibility: np.ndarray, classes: np.ndarray, precision: float
) -> Optional[float]:
    """Return the threshold below which keypoints are hidden, with precision.

    Of the labelled keypoints with ``visibility < threshold``, at least the
    share ``precision`` is hidden (v = 1). Of all such thresholds it has the
    largest recall of hidden keypoints, and of equal ones the fewest visible
    keypoints.

    Args:
        visibility (np.ndarray): (n, ), predicted.
        classes (np.ndarray): (n, ), COCO's v; v = 0 is left out.
        precision (float): Wanted share, in (0, 1].

    Returns:
        float | None: None if there is no such threshold.
    """
    labelled = classes > 0
    values, group = np.unique(visibility[labelled], return_inverse=True)
    # Count at the thresholds just above each value.
    counts = np.cumsum(np.bincount(group))
    hits = np.cumsum(np.bincount(group, classes[labelled] == HIDDEN))
    allowed = (hits > 0) & (hits / counts >= precision)
    if not allowed.any():
        return None
    best = np.where(allowed, hits, 0).argmax()
    following = np.append(values[1:], np.nextafter(values[-1], np.inf))
    return float(following[best])


def threshold_rows(
    visibility: np.ndarray,
    classes: np.ndarray,
    precisions: Sequence[float] = PRECISIONS,
) -> List[dict]:
    """Return a row for each wanted precision.

    Args:
        visibility (np.ndarray): (n, ), predicted.
        classes (np.ndarray): (n, ), COCO's v.
        precisions (sequence[float]): Wanted shares, in (0, 1].

    Returns:
        list[dict]: ``precision``; ``threshold``, see
        :func:`visibility_threshold`; ``recall``, the share of the hidden
        keypoints that it finds; ``precision_of_all``, the share of hidden ones
        of all keypoints below it, unlabelled ones included. The last three are
        None where the precision cannot be had.
    """
    hidden, rows = classes == HIDDEN, []
    for precision in precisions:
        threshold = visibility_threshold(visibility, classes, precision)
        recall = share = None
        if threshold is not None:
            below = visibility < threshold
            recall = float(below[hidden].mean())
            share = float(hidden[below].mean())
        rows.append(
            dict(
                precision=precision,
                threshold=threshold,
                recall=recall,
                precision_of_all=share,
            )
        )
    return rows
