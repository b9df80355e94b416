"""Visibility as a detector of occlusion: by hand, and as a probability."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from known_predictions import read_rows, run

from poet_mm.analysis.visibility import (
    area_under,
    average_precision,
    occlusion_detector,
    roc_curve,
    thin,
)


def test_visibility_by_hand(world):
    """Occluded .2 .1 .2; visible .9 .8 .5 .9 .8 .1; not labelled .5."""
    found = run(world, 'visibility')
    assert found['joints'] == {'0': 1, '1': 3, '2': 6}
    assert found['median']['1'] == pytest.approx(0.2)
    assert found['median']['2'] == pytest.approx(0.8)
    rows = read_rows(world, 'visibility')
    assert [row['annotation_id'] for row in rows] == ['1'] * 5 + ['2'] * 5
    assert [row['image_id'] for row in rows] == ['1'] * 5 + ['2'] * 5
    assert [row['joint'] for row in rows] == list('01234') * 2
    assert ''.join(row['v'] for row in rows) == '2211222120'
    assert [row['predicted'] for row in rows] == [
        '0.9',
        '0.8',
        '0.2',
        '0.1',
        '0.5',
    ] * 2
    detector = found['occlusion_detector']
    assert detector['auc'] == pytest.approx((5.5 + 5 + 5) / 18)
    assert detector['occluded_share'] == pytest.approx(1 / 3)
    # at .9: 1 of 2; at .8: 3 of 4
    assert detector['ap'] == pytest.approx(1 / 3 / 2 + 2 / 3 * 3 / 4)


def test_roc_and_ap_by_hand():
    """Thresholds .9, .8 (a hit and a miss, tied), .1."""
    scores = np.array([0.8, 0.9, 0.1, 0.8])
    positive = np.array([True, True, False, False])
    false, true = roc_curve(scores, positive)
    assert false.tolist() == [0, 0, 0.5, 1]
    assert true.tolist() == [0, 0.5, 1, 1]
    assert area_under(false, true) == pytest.approx(0.875)
    # precision 1 for the first half of recall, 2 / 3 for the second
    assert average_precision(scores, positive) == pytest.approx(5 / 6)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.2, 0.5, 1.0]), st.booleans()),
        min_size=2,
    )
)
def test_auc_is_a_probability(pairs):
    """That a positive scores higher than a negative; ties count half."""
    scores, positive = map(np.array, zip(*pairs))
    if positive.all() or not positive.any():
        return
    wins = np.sign(scores[positive][:, None] - scores[~positive])
    auc = area_under(*roc_curve(scores, positive))
    assert auc == pytest.approx((wins.mean() + 1) / 2)
    assert 0 < average_precision(scores, positive) <= 1


def test_occlusion_detector():
    visibility = np.array([0.1, 0.9, 0.8, 0.5])
    detector = occlusion_detector(visibility, np.array([1, 2, 2, 0]))
    assert (detector['auc'], detector['ap']) == (1, 1)
    assert detector['occluded_share'] == pytest.approx(1 / 3)
    for classes in ([2, 2, 2, 0], [1, 1, 1, 0], [0, 0, 0, 0]):
        assert occlusion_detector(visibility, np.array(classes)) is None
    assert occlusion_detector(np.zeros(0), np.zeros(0)) is None


def test_thinned_curves_keep_both_ends():
    values = thin(np.linspace(0, 1, 1001), 11)
    assert len(values) == 11
    assert values[[0, -1]].tolist() == [0, 1]
    assert thin(np.array([0.0, 1])).tolist() == [0, 1]
