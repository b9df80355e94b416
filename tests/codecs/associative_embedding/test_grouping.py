"""Peaks become people by their tags."""

import numpy as np
import pytest

from poet_mm.codecs.associative_embedding.grouping import group_peaks


def test_equal_costs_go_to_the_nearest_tag():
    """Both peaks are within half a tag of both people."""
    scores = np.array([0.9, 0.8, 0.9, 0.8])
    tags = np.array([[0.0], [0.4], [0.4], [0.0]])
    people = group_peaks(scores, tags, np.array([0, 0, 1, 1]), [0, 1], 1.0)
    assert people.tolist() == [[0, 3], [1, 2]]


def test_people_do_not_fall_apart():
    """Of two people of three, the second joint of one and all of a third:
    MMPose's cost is the same when the joint is handed to the other."""
    tags = np.array([[0.0], [3.0], [3.0], [6.0]])
    people = group_peaks(
        np.full(4, 0.9), tags, np.array([0, 0, 1, 1]), [0, 1], 1.0
    )
    assert people.tolist() == [[0, -1], [1, 2], [-1, 3]]


@pytest.mark.parametrize('scores', [[0.9, 0.9, 0.5], [0.9, 0.5, 0.9]])
def test_two_peaks_of_one_person(scores):
    """The higher one is taken, the other starts a person."""
    tags = np.zeros((3, 1))
    people = group_peaks(
        np.array(scores), tags, np.array([0, 1, 1]), [0, 1], 1.0
    )
    high = 1 if scores[1] > scores[2] else 2
    assert people.tolist() == [[0, high], [-1, 3 - high]]
