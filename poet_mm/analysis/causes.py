"""Name the main error of a person's prediction, one word per person.

Source: Ronchi and Perona, "Benchmarking and Error Diagnosis in Multi-Instance
Pose Estimation" (ICCV 2017). They compare each predicted keypoint with the
ground truth of the same keypoint, of its mirror image, and of other people.

Differences from the paper:

- the word is given to a person, not to a keypoint;
- "inversion" (left for right) is part of ``swap``;
- a keypoint that is far off ("miss") is part of ``jitter``, and ``missed`` is
  a person without a prediction;
- ``merged`` and ``small`` are new.

Letters: Q predictions, N people, K keypoints.
"""

from typing import List, Sequence

import numpy as np

from ..evaluation.oks import (
    SAME_PERSON,
    Match,
    People,
    keypoint_similarity,
    oks_matrix,
)

GOOD_SIMILARITY = 0.85  # least similarity of a correct keypoint
NEAR_SIMILARITY = 0.5  # least similarity of a keypoint at about that place
SMALL_AREA = 32**2  # square pixels; COCO's "small"

CAUSES = ('missed', 'merged', 'swap', 'jitter', 'small', 'good')


def name_causes(
    keypoints: np.ndarray,
    people: People,
    match: Match,
    sigmas: np.ndarray,
    flip: Sequence[int],
) -> List[str]:
    """Name for every person the error that costs most OKS.

    1. A person without a matched prediction is ``merged`` if any prediction
       has an OKS of at least 0.1 with it (one pose for two people), else
       ``missed``.
    2. Each labelled keypoint of a person with a prediction is the first of

       - ``good``: similarity to its ground truth of at least 0.85;
       - ``swap``: far from it (below 0.5), but near (at least 0.5) the
         mirrored keypoint of the same person, or near the same or the mirrored
         keypoint of another person with a prediction;
       - ``merged``: the same for another person without a prediction;
       - ``jitter``: any other error.

    3. The person's cause is the error with the largest sum of
       (1 - similarity) over its keypoints; ``good`` if all are good.
    4. A person smaller than 32 x 32 pixels is ``small`` instead of ``missed``
       or ``jitter``.

    Args:
        keypoints (np.ndarray): (Q, K, 2), of the predictions found.
        people (People): N people.
        match (Match): Pairs of predictions and people.
        sigmas (np.ndarray): (K, ), of the data set's metainfo.
        flip (Sequence[int]): (K, ), index of each keypoint's mirror image.

    Returns:
        list[str]: N of :data:`CAUSES`.
    """
    # 1. people without a prediction
    near = oks_matrix(keypoints, people, sigmas) >= SAME_PERSON  # (Q, N)
    causes = ['merged' if any_near else 'missed' for any_near in near.any(0)]
    # 2. and 3. people with a prediction
    has_prediction = np.isin(np.arange(len(causes)), match.people)
    labelled = people.visibility > 0  # (N, K)
    straight, mirrored = (
        keypoint_similarity(
            keypoints, people.keypoints[:, order], people.area, sigmas
        )
        * labelled[:, order]  # (Q, N, K)
        for order in (range(len(flip)), flip)
    )
    for q, n in zip(match.queries, match.people):
        kinds = keypoint_kinds(straight[q], mirrored[q], n, has_prediction)
        lost = {  # OKS by cause
            kind: (1 - straight[q, n])[labelled[n] & (kinds == kind)].sum()
            for kind in CAUSES
            if kind != 'good' and kind in kinds[labelled[n]]
        }
        causes[n] = max(lost, key=lost.get) if lost else 'good'
    # 4. small people
    return [
        'small'
        if area < SMALL_AREA and cause in ('missed', 'jitter')
        else cause
        for cause, area in zip(causes, people.area)
    ]


def keypoint_kinds(
    straight: np.ndarray,
    mirrored: np.ndarray,
    person: int,
    has_prediction: np.ndarray,
) -> np.ndarray:
    """Name the error of each keypoint of a person's prediction.

    Args:
        straight (np.ndarray): (N, K), similarity of its keypoints to those of
            all people; 0 without a label.
        mirrored (np.ndarray): (N, K), the same for mirrored keypoints.
        person (int): Index of the person.
        has_prediction (np.ndarray): (N, ), True for people with a prediction.

    Returns:
        np.ndarray: (K, ) of :data:`CAUSES`.
    """
    own = straight[person]
    near = np.maximum(straight, mirrored) >= NEAR_SIMILARITY  # (N, K)
    others = has_prediction & (np.arange(len(straight)) != person)
    swapped = (mirrored[person] >= NEAR_SIMILARITY) | near[others].any(axis=0)
    merged = near[~has_prediction].any(axis=0)
    far = own < NEAR_SIMILARITY
    return np.select(
        [own >= GOOD_SIMILARITY, far & swapped, far & merged],
        ['good', 'swap', 'merged'],
        'jitter',
    )
