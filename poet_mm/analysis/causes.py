"""Why a person was not found as it is: one word per person.

Source of the ideas: Ronchi and Perona, "Benchmarking and Error Diagnosis in
Multi-Instance Pose Estimation" (ICCV 2017): joints are told by their
similarity to the true joint, to the true joint's mirror image, and to those of
other people. Different here: a word is given to a person, not to a joint;
"inversion" (left for right) is called swap, as swap with another person is;
a joint that is far off is jitter, too ("miss" there), so that missed are
people without a prediction; and merged and small are told apart.

Letters: Q predictions, N people, K keypoints.
"""

from typing import List, Sequence

import numpy as np

from ..evaluation.oks import (
    SAME_PERSON,
    Match,
    People,
    joint_similarity,
    oks_matrix,
)

GOOD_JOINT = 0.85  # similarity from which on a joint is right
NEAR_JOINT = 0.5  # similarity from which on it is about that joint
SMALL_AREA = 32**2  # square pixels; COCO's "small"

MISSED, MERGED, SWAP, JITTER, SMALL, GOOD = CAUSES = (
    'missed',
    'merged',
    'swap',
    'jitter',
    'small',
    'good',
)


def name_causes(
    keypoints: np.ndarray,
    people: People,
    match: Match,
    sigmas: np.ndarray,
    flip: Sequence[int],
) -> List[str]:
    """Name for every person what its prediction suffers from most.

    A person without a prediction of its own, see ``match_people``, is

    - ``merged`` if a prediction that was given to another person is about it,
      too (OKS of at least 0.1): one pose for two people;
    - ``missed`` else.

    Each labelled joint of a person with a prediction is the first of

    - ``good``: similarity to the true joint of at least 0.85;
    - ``swap``: further away (below 0.5), and instead (at least 0.5) at the
      mirrored joint of the same person, or at this or the mirrored joint of
      another person who has a prediction;
    - ``merged``: the same for another person who has none;
    - ``jitter``: else; off its place and at nothing else.

    The person's cause is that which its joints lose most to, in OKS: the
    largest sum of (1 - similarity), of all but the good ones. It is ``good``
    if all are.

    Last, a person smaller than 32 x 32 pixels is ``small`` where it would be
    ``missed`` or ``jitter``: there was little to be seen.

    Args:
        keypoints (np.ndarray): (Q, K, 2), of the predictions that count.
        people (People): N people.
        match (Match): Between the two.
        sigmas (np.ndarray): (K, ).
        flip (Sequence[int]): (K, ), each joint's mirror image.

    Returns:
        list[str]: N of :data:`CAUSES`.
    """
    causes = [MISSED] * len(people.ids)
    near = oks_matrix(keypoints, people, sigmas) >= SAME_PERSON  # (Q, N)
    for n in np.flatnonzero(near.any(axis=0)):
        causes[n] = MERGED
    has_own = np.isin(np.arange(len(causes)), match.people)
    at = joint_similarity(keypoints, people.keypoints, people.area, sigmas)
    mirrored = joint_similarity(
        keypoints, people.keypoints[:, flip], people.area, sigmas
    )  # (Q, N, K)
    labelled = people.visibility > 0
    at, mirrored = at * labelled, mirrored * labelled[:, flip]
    for q, n in zip(match.queries, match.people):
        kinds = joint_kinds(at[q], mirrored[q], n, has_own)
        causes[n] = costliest(kinds[labelled[n]], at[q, n, labelled[n]])
    return [
        SMALL if area < SMALL_AREA and cause in (MISSED, JITTER) else cause
        for cause, area in zip(causes, people.area)
    ]


def joint_kinds(
    at: np.ndarray, mirrored: np.ndarray, person: int, has_own: np.ndarray
) -> np.ndarray:
    """What each joint of the prediction of a person is.

    Args:
        at (np.ndarray): (N, K), similarity of its joints to everyone's; 0 for
            joints without a label.
        mirrored (np.ndarray): (N, K), to everyone's mirrored joints.
        person (int): Whose prediction it is.
        has_own (np.ndarray): (N, ), who has a prediction.

    Returns:
        np.ndarray: (K, ) of :data:`CAUSES`.
    """
    own = at[person]
    strays = np.maximum(at, mirrored) >= NEAR_JOINT  # (N, K)
    others = np.arange(len(at)) != person
    swapped = (mirrored[person] >= NEAR_JOINT) | strays[others & has_own].any(
        axis=0
    )
    merged = strays[~has_own].any(axis=0)
    away = own < NEAR_JOINT
    return np.select(
        [own >= GOOD_JOINT, away & swapped, away & merged],
        [GOOD, SWAP, MERGED],
        JITTER,
    )


def costliest(kinds: np.ndarray, similarity: np.ndarray) -> str:
    """The kind of joints, but for good ones, that loses the most OKS."""
    lost = {
        kind: (1 - similarity)[kinds == kind].sum()
        for kind in CAUSES
        if kind != GOOD and (kinds == kind).any()
    }
    return max(lost, key=lost.get) if lost else GOOD
