"""Errors and quadrants of centres, by hand."""

import numpy as np

from poet_mm.analysis.centers import (
    quadrant_shares,
    relative_errors,
    true_centers,
)


def test_centers_by_hand():
    keypoints = np.array([[[0.0, 0], [10, 20], [90, 90]]] * 2)
    visibility = np.array([[2, 2, 1], [1, 1, 0]])
    true = true_centers(keypoints, visibility, 2)
    np.testing.assert_allclose(true, [[5, 10], [np.nan] * 2])
    assert true_centers(keypoints, visibility, 1)[1].tolist() == [5, 10]
    bbox = np.array([[0, 0, 30, 40], [0, 0, 30, 40]])
    errors = relative_errors(np.array([[10.0, 5], [0, 0]]), true, bbox)
    np.testing.assert_allclose(errors, [[0.1, -0.1], [np.nan] * 2])
    no_box = np.zeros((2, 4))
    assert np.isnan(relative_errors(true, true, no_box)).all()


def test_quadrants():
    errors = np.array([[-1, -1], [1, -1], [1, -2], [-1, 1], [0, 0]])
    assert quadrant_shares(errors) == {
        'upper left': 0.2,
        'upper right': 0.4,
        'lower left': 0.2,
        'lower right': 0.2,
    }
    assert quadrant_shares(np.zeros((0, 2))) is None
