"""The cause of an error: one made-up case of each."""

import numpy as np
import pytest
from helpers import make_people

from poet_mm.analysis.causes import name_causes
from poet_mm.evaluation.oks import match_people, oks_matrix

K = 5
SIGMAS = np.array([0.05, 0.05, 0.1, 0.1, 0.1])
FLIP = [1, 0, 2, 4, 3]
TWO = make_people((0, 0), (200, 0))
ONE = make_people((0, 0))
SMALL = make_people((0, 0), area=1023.0)
UNLABELLED = make_people((0, 0), visibility=[2, 2, 2, 2, 0])


def change(poses, *places):
    """Poses with other keypoints at ((person, keypoint), place)."""
    poses = poses.copy()
    for place, value in places:
        poses[place] = value
    return poses


def legs_of_each_other(people):
    return change(people, (np.s_[:, 3:], people[::-1, 3:]))


@pytest.mark.parametrize(
    ('poses', 'people', 'causes'),
    [
        (TWO.keypoints + 1, TWO, 'good good'),
        (TWO.keypoints[:1], TWO, 'good missed'),
        ([], TWO, 'missed missed'),
        # two people at almost the same place, and one prediction
        (TWO.keypoints[:1], make_people((0, 0), (4, 0)), 'good merged'),
        # three keypoints of one, two of another who has no prediction
        (legs_of_each_other(TWO.keypoints)[:1], TWO, 'merged merged'),
        # the same, but the other has a prediction, too
        (legs_of_each_other(TWO.keypoints), TWO, 'swap swap'),
        (ONE.keypoints[:, FLIP], ONE, 'swap'),
        # a keypoint on its mirror image, which has no label
        (
            change(UNLABELLED.keypoints, ((0, 3), UNLABELLED.keypoints[0, 4])),
            UNLABELLED,
            'jitter',
        ),
        (ONE.keypoints + 6, ONE, 'jitter'),
        (change(ONE.keypoints, ((0, 4), 1000)), ONE, 'jitter'),
        # small replaces missed and jitter only
        ([], SMALL, 'small'),
        (SMALL.keypoints + 4, SMALL, 'small'),
        (SMALL.keypoints, SMALL, 'good'),
        (SMALL.keypoints[:, FLIP], SMALL, 'swap'),
        ([], make_people((0, 0), area=1024.0), 'missed'),
        # one swap costs more than four keypoints of similarity .78 to .95
        (
            change(ONE.keypoints + 4, ((0, 0), ONE.keypoints[0, 1])),
            ONE,
            'swap',
        ),
    ],
)
def test_causes(poses, people, causes):
    poses = np.reshape(poses, (-1, K, 2))
    match = match_people(oks_matrix(poses, people, SIGMAS))
    found = name_causes(poses, people, match, SIGMAS, FLIP)
    assert ' '.join(found) == causes
