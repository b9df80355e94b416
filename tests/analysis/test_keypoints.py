"""Errors of every keypoint of predictions that are known by hand."""

import json

import numpy as np
import pytest
from known_predictions import read_rows, run

from poet_mm.analysis.keypoints import mean_pose, normalise_poses
from poet_mm.analysis.plots.keypoints import draw_keypoints
from poet_mm.evaluation.oks import People


def test_keypoints_by_hand(world):
    """Errors 0 and sqrt(80) pixels, of people of 32 x 32 pixels."""
    similarity = np.exp(-80 / 81.92)  # below COCO's lowest threshold
    found = run(world, 'keypoints')
    assert [found[key] for key in ('images', 'found')] == [3, 2]
    rows = {(row['keypoint'], row['v']): row for row in found['keypoints']}
    assert len(rows) == 15
    a = rows['a', 'all']
    assert rows['a', '2'] == dict(a, v='2')
    assert (a['labelled'], a['found']) == (2, 2)
    assert a['oks'] == pytest.approx((1 + similarity) / 2, abs=1e-5)
    assert a['median_px'] == pytest.approx(80**0.5 / 2, abs=1e-4)
    assert a['p90_px'] == pytest.approx(0.9 * 80**0.5, abs=1e-4)
    assert a['median_size'] == pytest.approx(80**0.5 / 64, abs=1e-4)
    assert a['AP'] == pytest.approx(51 / 101, abs=1e-5)
    assert rows['a', '1']['labelled'] == 0
    assert rows['a', '1']['median_px'] is None
    assert rows['d', '1']['AP'] == 1
    assert rows['d', '2']['AP'] == 0
    assert rows['d', '2']['oks'] == pytest.approx(similarity, abs=1e-5)
    assert (rows['e', 'all']['labelled'], rows['e', 'all']['AP']) == (1, 1)
    assert 'Smallest median error: e, 0.0 %' in found['caption']
    written = read_rows(world, 'keypoints')
    assert [row['v'] for row in written[:3]] == ['1', '2', 'all']
    assert written[0]['AP'] == ''


def test_no_person_found(world):
    found = run(world, 'keypoints', '--score-thr', 1.0)
    text = json.dumps(found, allow_nan=False)
    assert 'No labelled keypoint of a matched person' in text
    assert {row['found'] for row in found['keypoints']} == {0}


def test_mean_pose_by_hand():
    """The second person looks the other way, the third lacks a keypoint."""
    boxes = np.array([[0, 0, 4, 4], [0, 0, 8, 8], [0, 0, 4, 4], [1, 1, 0, 9]])
    keypoints = np.array(
        [
            [[3, 1], [1, 3]],
            [[2, 2], [6, 6]],
            [[4, 1], [0, 0]],
            [[1, 1], [1, 1]],
        ],
        float,
    )
    v = np.array([[2, 2], [2, 1], [2, 0], [2, 2]])
    people = People(np.arange(4), keypoints, v, boxes, np.ones(4))
    poses = normalise_poses(people)
    np.testing.assert_allclose(poses[0], [[0.25, -0.25], [-0.25, 0.25]])
    np.testing.assert_allclose(poses[2], [[0.5, -0.25], [np.nan, np.nan]])
    assert np.isnan(poses[3]).all()  # a box without an area
    np.testing.assert_allclose(
        mean_pose(poses), [[1 / 3, -0.25], [-0.25, 0.25]]
    )
    assert np.isnan(mean_pose(poses[:0])).all()
    assert np.isnan(mean_pose(poses[3:])).all()


@pytest.mark.parametrize('median', [0.0, 0.1, None])
def test_figure_of_one_keypoint(tmp_path, median):
    part = dict(keypoint='tail', median_size=median, p90_size=median)
    rows = [dict(part, v=v) for v in ('1', '2', 'all')]
    for n, pose in enumerate((np.zeros((1, 2)), np.full((1, 2), np.nan))):
        out = tmp_path / f'{n}.png'
        draw_keypoints(rows, pose, [], str(out))
        assert out.stat().st_size > 1000
