"""The cause of an error: one made-up case of each."""

import numpy as np
from helpers import make_people

from poet_mm.analysis.causes import name_causes
from poet_mm.evaluation.oks import match_people, oks_matrix

K = 5
SIGMAS = np.array([0.05, 0.05, 0.1, 0.1, 0.1])
FLIP = [1, 0, 2, 4, 3]


def causes_of(keypoints, people):
    keypoints = np.reshape(keypoints, (-1, K, 2))
    match = match_people(oks_matrix(keypoints, people, SIGMAS))
    return name_causes(keypoints, people, match, SIGMAS, FLIP)


def test_good():
    people = make_people((0, 0), (200, 0))
    assert causes_of(people.keypoints + 1, people) == ['good', 'good']


def test_missed():
    people = make_people((0, 0), (200, 0))
    assert causes_of(people.keypoints[:1], people) == ['good', 'missed']
    assert causes_of([], people) == ['missed', 'missed']


def test_merged_into_another():
    """Two people at almost the same place, and one prediction."""
    people = make_people((0, 0), (4, 0))
    assert causes_of(people.keypoints[:1], people) == ['good', 'merged']


def test_merged_with_another():
    """Three joints of one, two of another who has no prediction."""
    people = make_people((0, 0), (200, 0))
    pose = people.keypoints[0].copy()
    pose[3:] = people.keypoints[1, 3:]
    assert causes_of(pose, people)[0] == 'merged'


def test_swap_with_another():
    """The same, but the other has a prediction, with the joints swapped."""
    people = make_people((0, 0), (200, 0))
    poses = people.keypoints.copy()
    poses[:, 3:] = people.keypoints[::-1, 3:]
    assert causes_of(poses, people) == ['swap', 'swap']


def test_swap_of_left_and_right():
    people = make_people((0, 0))
    assert causes_of(people.keypoints[:, FLIP], people) == ['swap']
    unlabelled = make_people((0, 0), visibility=[2, 2, 2, 2, 0])
    pose = people.keypoints.copy()
    pose[0, 3] = pose[0, 4]  # on its mirror image, of which nobody knows
    assert causes_of(pose, unlabelled) == ['jitter']


def test_jitter():
    people = make_people((0, 0))
    assert causes_of(people.keypoints + 6, people) == ['jitter']
    pose = people.keypoints.copy()
    pose[0, 4] += 1000
    assert causes_of(pose, people) == ['jitter']


def test_small():
    """In place of missed and jitter, not of what has a better name."""
    people = make_people((0, 0), area=1023.0)
    assert causes_of([], people) == ['small']
    assert causes_of(people.keypoints + 4, people) == ['small']
    assert causes_of(people.keypoints, people) == ['good']
    assert causes_of(people.keypoints[:, FLIP], people) == ['swap']
    assert causes_of([], make_people((0, 0), area=1024.0)) == ['missed']


def test_costliest_cause_wins():
    """One joint swapped costs more than four that jitter a little."""
    people = make_people((0, 0))
    pose = people.keypoints + 4  # similarity .78 and .95
    pose[0, 0] = people.keypoints[0, 1]
    assert causes_of(pose, people) == ['swap']
