"""Visibility as a detector of occlusion: by hand, and as a probability."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from known_predictions import read_rows, run

from poet_mm.analysis.visibility import occlusion_detector, thin


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
    predicted = ' '.join(row['predicted'] for row in rows)
    assert predicted == '0.9 0.8 0.2 0.1 0.5 0.9 0.8 0.2 0.1 0.5'
    detector = found['occlusion_detector']
    assert detector['auc'] == pytest.approx((5.5 + 5 + 5) / 18)
    assert detector['occluded_share'] == pytest.approx(1 / 3)
    # at .9: 1 of 2; at .8: 3 of 4
    assert detector['ap'] == pytest.approx(1 / 3 / 2 + 2 / 3 * 3 / 4)


def test_roc_and_ap_by_hand():
    """Thresholds .9, .8 (a hit and a miss, tied), .1; one without a label."""
    visibility = 1 - np.array([0.8, 0.9, 0.1, 0.8, 0.5])
    found = occlusion_detector(visibility, np.array([1, 1, 2, 2, 0]))
    assert found['false_positive_rate'].tolist() == [0, 0, 0.5, 1]
    assert found['true_positive_rate'].tolist() == [0, 0.5, 1, 1]
    assert found['auc'] == pytest.approx(0.875)
    # precision 1 for the first half of recall, 2 / 3 for the second
    assert found['ap'] == pytest.approx(5 / 6)
    assert found['occluded_share'] == 0.5


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.integers(0, 2))
    )
)
def test_auc_is_a_probability(pairs):
    """That an occluded one has a higher score; ties count half."""
    visibility, v = np.array(pairs).reshape(-1, 2).T
    found = occlusion_detector(visibility, v)
    if not {1, 2} <= set(v):
        assert found is None
        return
    wins = np.sign(visibility[v == 2] - visibility[v == 1][:, None])
    assert found['auc'] == pytest.approx((wins.mean() + 1) / 2)
    assert 0 < found['ap'] <= 1


def test_thinned_curves_keep_both_ends():
    values = thin(np.linspace(0, 1, 1001), 11)
    assert len(values) == 11
    assert values[[0, -1]].tolist() == [0, 1]
    assert thin(np.array([0.0, 1])).tolist() == [0, 1]
