"""Visibility as a detector of hidden keypoints, and calibrated, by hand."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from known_predictions import read_rows, run

from poet_mm.analysis.collect import ImageRecord, Prediction
from poet_mm.analysis.result import write_result
from poet_mm.analysis.visibility import (
    VisibilityAnalysis,
    occlusion_detector,
    thin,
)
from poet_mm.errors import UserError
from poet_mm.evaluation.oks import Match, People


def make_record(img_id, visibility, v):
    """An image of N found people, from arrays (N, K)."""
    N, K = np.shape(v)
    index = np.arange(N)
    people = People(
        index, np.zeros((N, K, 2)), np.array(v), np.zeros((N, 4)), np.ones(N)
    )
    prediction = Prediction(
        np.ones((1, N)), np.zeros((1, N, K, 2)), None, np.array([visibility])
    )
    match = Match(index, index, np.ones(N))
    return ImageRecord(img_id, '', people, prediction, index, match)


def analyse(records, names, folder):
    """Write all files; -> the JSON, in which NaN is an error."""
    names = dict(enumerate(names))
    session = SimpleNamespace(
        metainfo=dict(keypoint_id2name=names), description='A', score_thr=0.5
    )
    analysis = VisibilityAnalysis(session)
    for record in records:
        analysis.add(record)
    files = write_result(analysis.result(), str(folder))
    for path in files:
        if path.endswith(('.csv', '.txt', '.json')):
            with open(path) as file:
                assert 'nan' not in file.read().lower(), path
    return json.loads((folder / 'visibility.json').read_text())


def test_visibility_by_hand(world):
    """Hidden .2 .1 .2; visible .9 .8 .5 .9 .8 .1; not labelled .5."""
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


def test_calibration_of_a_world_by_hand(world):
    """Bins of labelled: .9 2/2, .8 2/2, .5 1/1, .2 0/2, .1 1/2 visible."""
    found = run(world, 'visibility', '--precision', 0.6, 0.75, 0.8)
    visible = found['calibration']['visible']
    assert visible['count'] == 9
    assert visible['share'] == pytest.approx(2 / 3)
    assert visible['ece'] == pytest.approx(2.3 / 9)
    # squares .01 .01 .04 .04 .25 .04 .04 and, of .1, .01 and .81
    assert visible['brier'] == pytest.approx(1.25 / 9)
    assert visible['bins']['count'] == [0, 2, 2, 0, 0, 1, 0, 0, 2, 2]
    assert found['calibration']['labelled']['count'] == 10
    # 3 hidden of 4 below .5
    assert [row['threshold'] for row in found['thresholds']] == [
        0.5,
        0.5,
        None,
    ]
    assert found['temperature']['tested_keypoints'] == 5
    assert 'ECE) 0.256' in found['caption']
    # as trained: .9 2/2, .8 2/2, .5 1/2, .2 0/2, .1 1/2
    trained = found['calibration']['trained']
    assert trained['ece'] == pytest.approx(1.8 / 10)
    rows = read_rows(world, 'visibility', 'visibility_keypoints')
    assert [row['keypoint'] for row in rows] == list('aaabbbcccdddeee')
    assert rows[10]['question'] == 'visible'
    assert rows[10]['share'] == '0.5'  # d is v = 1 and 2
    assert float(rows[10]['ece']) == pytest.approx(0.4)
    assert rows[0]['ece'] == ''  # a is always visible


@pytest.mark.parametrize('precision', [0, 1.5])
def test_impossible_precision(world, precision):
    with pytest.raises(UserError, match=f'--precision is {precision}'):
        run(world, 'visibility', '--precision', 0.5, precision)


@pytest.mark.parametrize('K', [1, 2])
@pytest.mark.parametrize('v', [None, 0, 1, 2])
def test_one_class_or_none(K, v, tmp_path):
    """No matched people, or one class: sentences and null, but no NaN."""
    shape = (0 if v is None else 2, K)
    records = [
        make_record(n, np.full(shape, 0.5), np.full(shape, v or 0))
        for n in (1, 2)
    ]
    found = analyse(records, 'ab'[:K], tmp_path)
    for question in ('trained', 'visible'):
        assert found['calibration'][question]['ece'] is None
    assert found['calibration']['labelled']['brier'] is None
    assert found['temperature'] is None
    assert len(found['keypoints']) == 3 * K
    assert 'Visible: one class has no keypoint.' in found['caption']
    assert 'No temperature was fitted' in found['caption']
    hidden = [v == 1] * 3
    assert [row['recall'] == 1 for row in found['thresholds']] == hidden


def test_one_keypoint_of_all_classes(tmp_path):
    """K = 1, with images of both halves."""
    records = [
        make_record(n, [[0.9], [0.4], [0.1]], [[2], [1], [0]]) for n in (3, 4)
    ]
    found = analyse(records, ['nose'], tmp_path)
    nose = found['keypoints'][0]
    assert nose['ece'] == found['calibration']['trained']['ece']
    assert nose['ece'] == pytest.approx(0.2)
    assert found['temperature']['ece_before'] == pytest.approx(0.2)


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
    """That a hidden one has a higher score; ties count half."""
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
