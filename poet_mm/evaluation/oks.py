"""Compute COCO's object keypoint similarity (paper, Eq. 5), and match by it.

``models/losses/oks.py`` has the OKS of matched pairs in torch; the tests
compare both with COCO's code.

Letters: Q predictions, N labelled people, K keypoints, M matched pairs.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

# A lower OKS is not a match, as in Ronchi and Perona (ICCV 2017, "Benchmarking
# and Error Diagnosis in Multi-Instance Pose Estimation").
SAME_PERSON = 0.1


class People(NamedTuple):
    """Hold N labelled people of an image, in pixels of its file."""

    ids: np.ndarray  # (N, ), of the annotations
    keypoints: np.ndarray  # (N, K, 2)
    visibility: np.ndarray  # (N, K), COCO's v in {0, 1, 2}
    bbox: np.ndarray  # (N, 4), x, y, width, height
    area: np.ndarray  # (N, ), square pixels


class Match(NamedTuple):
    """Hold M pairs of a prediction and a person, each in at most one pair."""

    queries: np.ndarray  # (M, ), indices of predictions
    people: np.ndarray  # (M, ), indices of people
    oks: np.ndarray  # (M, )


def labelled_people(annotations: list, num_keypoints: int) -> People:
    """Return the people that COCO evaluates: no crowd, a keypoint with v > 0.

    Args:
        annotations (list[dict]): Entries of the annotation file of one image.
        num_keypoints (int): K.
    """
    people = [
        ann
        for ann in annotations
        if not ann.get('iscrowd') and any(ann.get('keypoints', ())[2::3])
    ]
    triplets = np.array([ann['keypoints'] for ann in people], np.float64)
    triplets = triplets.reshape(-1, num_keypoints, 3)
    bbox = np.array([ann['bbox'] for ann in people], np.float64)
    bbox = bbox.reshape(-1, 4)
    # COCO's area where use_area is False
    area = [
        ann.get('area', 0.53 * width * height)
        for ann, (_, _, width, height) in zip(people, bbox)
    ]
    return People(
        ids=np.array([ann['id'] for ann in people], dtype=object),
        keypoints=triplets[..., :2],
        visibility=triplets[..., 2],
        bbox=bbox,
        area=np.array(area, np.float64),
    )


def keypoint_similarity(
    keypoints: np.ndarray,
    target: np.ndarray,
    area: np.ndarray,
    sigmas: np.ndarray,
) -> np.ndarray:
    """Return the similarity of the keypoints of predictions and people.

    Args:
        keypoints (np.ndarray): (Q, K, 2) in pixels.
        target (np.ndarray): Ground truth (N, K, 2) in the same pixels.
        area (np.ndarray): (N, ) of the people, square pixels.
        sigmas (np.ndarray): (K, ), of the data set's metainfo.

    Returns:
        np.ndarray: (Q, N, K) in [0, 1], 1 for an exact prediction.
    """
    squares = ((keypoints[:, None] - target) ** 2).sum(-1)  # (Q, N, K)
    variance = (2 * np.asarray(sigmas, np.float64)) ** 2
    scale = np.asarray(area)[:, None] + np.spacing(
        1
    )  # area is 0 in some files
    return np.exp(-squares / (2 * variance * scale))


def oks_matrix(
    keypoints: np.ndarray, people: People, sigmas: np.ndarray
) -> np.ndarray:
    """Return the OKS (Q, N) of predictions (Q, K, 2) with people.

    It is the mean similarity over a person's labelled keypoints.
    """
    similarity = keypoint_similarity(
        keypoints, people.keypoints, people.area, sigmas
    )
    labelled = people.visibility > 0  # (N, K)
    return (similarity * labelled).sum(-1) / labelled.sum(-1)


def match_people(oks: np.ndarray) -> Match:
    """Pair predictions and people one to one, for the highest sum of OKS.

    Args:
        oks (np.ndarray): (Q, N).

    Returns:
        Match: Ordered by person; no pair below :data:`SAME_PERSON`.
    """
    oks = np.where(oks >= SAME_PERSON, oks, 0)
    queries, people = linear_sum_assignment(oks, maximize=True)
    real = oks[queries, people] > 0
    queries, people = queries[real], people[real]
    order = np.argsort(people)
    queries, people = queries[order], people[order]
    return Match(queries, people, oks[queries, people])
