"""Calibration: by hand, and on probabilities that are known to be right."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poet_mm.analysis.calibration import (
    TEMPERATURES,
    brier_score,
    evaluate_temperature,
    expected_calibration_error,
    fit_temperature,
    measure,
    measure_each_keypoint,
    reliability_bins,
    split_questions,
    threshold_rows,
    visibility_threshold,
)
from poet_mm.models.instances import apply_temperature

# Two keypoints in bin 1, one in bin 3, two in the last one
VISIBILITY = np.array([0.1, 0.1, 0.3, 0.9, 1])
POSITIVE = np.array([False, True, False, True, True])
# Mean visibility 0.9, and three of four are visible
SURE, V = np.full(4, 0.9), np.array([2, 1, 2, 2])


def draw_calibrated(seed, count=20000):
    """Probabilities, and outcomes that have them."""
    rng = np.random.default_rng(seed)
    probability = rng.uniform(0.02, 0.98, count)
    return probability, rng.random(count) < probability


def test_bins_by_hand():
    bins = reliability_bins(VISIBILITY, POSITIVE)
    assert bins['count'] == [0, 2, 0, 1, 0, 0, 0, 0, 0, 2]
    assert [bins['share'][b] for b in (0, 1, 3, 9)] == [None, 0.5, 0, 1]
    confidence = [bins['confidence'][b] for b in (1, 3, 9)]
    assert confidence == pytest.approx([0.1, 0.3, 0.95])


def test_ece_and_brier_by_hand():
    """Differences .4 twice, .3 once, .05 twice; squares .01 .81 .09 .01 0."""
    ece = expected_calibration_error(VISIBILITY, POSITIVE)
    assert ece == pytest.approx((0.8 + 0.3 + 0.1) / 5)
    assert brier_score(VISIBILITY, POSITIVE) == pytest.approx(0.92 / 5)


def test_three_questions_by_hand():
    """Visible: .9 of v = 2, .4 of v = 1. Labelled: these against the .1.

    As trained: .9 against the .4 and the .1.
    """
    visibility, v = np.array([0.9, 0.4, 0.1]), np.array([2, 1, 0])
    found = {
        question: measure(*pair)
        for question, pair in split_questions(visibility, v).items()
    }
    assert found['trained']['count'] == 3
    assert found['trained']['share'] == pytest.approx(1 / 3)
    assert found['trained']['ece'] == pytest.approx((0.1 + 0.4 + 0.1) / 3)
    assert found['trained']['brier'] == pytest.approx(0.18 / 3)
    assert found['visible']['count'] == 2
    assert found['visible']['share'] == 0.5
    assert found['visible']['ece'] == pytest.approx((0.1 + 0.4) / 2)
    assert found['labelled']['count'] == 3
    assert found['labelled']['ece'] == pytest.approx((0.1 + 0.6 + 0.1) / 3)
    assert found['labelled']['brier'] == pytest.approx(0.38 / 3)


def test_each_keypoint_by_hand():
    """The nose is v = 2 and 1, the tail has no label."""
    rows = measure_each_keypoint(
        np.array([0.9, 0.4, 0.1]),
        np.array([2, 1, 0]),
        np.array([0, 0, 1]),
        ['nose', 'tail'],
    )
    assert [(row['keypoint'], row['question']) for row in rows] == [
        (name, question)
        for name in ('nose', 'tail')
        for question in ('trained', 'visible', 'labelled')
    ]
    assert [row['count'] for row in rows] == [2, 2, 2, 1, 0, 1]
    assert [row['share'] for row in rows] == [0.5, 0.5, 1, 0, None, 0]
    for number, by_hand in (('ece', 0.25), ('brier', 0.085)):
        assert rows[0][number] == rows[1][number] == pytest.approx(by_hand)
        assert [row[number] for row in rows[2:]] == [None] * 4


def test_temperature_by_hand():
    """Odds 9 become odds 3, the share's, with temperature log 9 / log 3."""
    assert fit_temperature(SURE, V == 2) == pytest.approx(2, abs=1e-3)


def test_temperature_on_every_second_image_by_hand():
    """Both images have the same keypoints; v = 0 counts as v = 1."""
    found = evaluate_temperature(
        np.concatenate([SURE, SURE]),
        np.concatenate([V, np.where(V == 1, 0, V)]),
        np.array([7] * 4 + [9] * 4),
    )
    assert found['temperature'] == pytest.approx(2, abs=1e-3)
    assert found['fitted_keypoints'] == found['tested_keypoints'] == 4
    assert found['ece_before'] == pytest.approx(0.15)
    assert found['ece_after'] == pytest.approx(0, abs=1e-3)
    assert found['brier_before'] == pytest.approx((3 * 0.01 + 0.81) / 4)
    assert found['brier_after'] == pytest.approx(
        (3 * 0.0625 + 0.5625) / 4, abs=1e-3
    )


@pytest.mark.parametrize(
    ('v', 'images'),
    [
        ([], []),
        ([2, 1], [1, 1]),  # one image
        ([2, 1, 2], [1, 1, 2]),  # only a visible one to test
        ([1, 2, 0], [1, 2, 2]),  # no visible one to fit
        ([0, 1, 0, 1], [1, 1, 2, 2]),
    ],
)
def test_no_temperature_without_both_classes(v, images):
    visibility = np.linspace(0, 1, len(v))
    assert (
        evaluate_temperature(visibility, np.array(v), np.array(images)) is None
    )


def test_temperature_of_a_perfect_detector_is_bounded():
    """Visibility of exactly 0 and 1 gives no infinite logit."""
    found = fit_temperature(np.array([0.0, 1]), np.array([False, True]))
    assert TEMPERATURES[0] <= found <= TEMPERATURES[1]
    wrong = fit_temperature(np.array([0.0, 1]), np.array([True, False]))
    assert wrong == pytest.approx(TEMPERATURES[1], rel=1e-3)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.3, 3))
def test_known_temperature_is_found(seed, sharpness):
    """Calibrated probabilities have ECE 0 and temperature 1."""
    probability, positive = draw_calibrated(seed)
    assert expected_calibration_error(probability, positive) < 0.02
    assert fit_temperature(probability, positive) == pytest.approx(1, abs=0.1)
    sharp = apply_temperature(probability, 1 / sharpness)
    found = fit_temperature(sharp, positive)
    assert found == pytest.approx(sharpness, rel=0.1)
    undone = apply_temperature(sharp, found)
    assert expected_calibration_error(undone, positive) < 0.02


def test_threshold_by_hand():
    """Hidden: .1 .2 .5; visible: .2 .6 .7; without a label: 0.

    Of all keypoints below .6, 3 of 5 are hidden; below .2, 1 of 2.
    """
    visibility = np.array([0.1, 0.2, 0.2, 0.5, 0.6, 0.7, 0])
    v = np.array([1, 1, 2, 1, 2, 2, 0])
    assert visibility_threshold(visibility, v, 1) == 0.2  # 1 of 1
    assert visibility_threshold(visibility, v, 0.75) == 0.6  # 3 of 4
    # 3 of 6 would do, but has more visible ones
    assert visibility_threshold(visibility, v, 0.5) == 0.6
    rows = threshold_rows(visibility, v, [0.7, 0.9])
    assert [tuple(row.values()) for row in rows] == [
        (0.7, 0.6, 1, 0.6),
        (0.9, 0.2, pytest.approx(1 / 3), 0.5),
    ]


@pytest.mark.parametrize(
    ('visibility', 'v'),
    [([], []), ([0.5], [2]), ([0.5], [0]), ([0, 1], [2, 1])],
)
def test_no_threshold_has_the_precision(visibility, v):
    visibility, v = np.array(visibility), np.array(v)
    assert visibility_threshold(visibility, v, 0.9) is None
    (row,) = threshold_rows(visibility, v, [0.9])
    assert (row['recall'], row['precision_of_all']) == (None, None)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.integers(0, 2))
    ),
    st.sampled_from([0.5, 0.7, 1.0]),
)
def test_threshold_keeps_its_promise(pairs, precision):
    """It has the recall of the best of all thresholds."""
    visibility, v = np.array(pairs).reshape(-1, 2).T

    def hits(threshold):
        below = v[(v > 0) & (visibility < threshold)]
        good = len(below) and (below == 1).mean() >= precision
        return (below == 1).sum() if good else 0

    best = max(map(hits, (0.1, 0.3, 0.6, 1.1)))
    found = visibility_threshold(visibility, v, precision)
    assert (found is None) == (best == 0)
    if found is not None:
        assert hits(found) == best
