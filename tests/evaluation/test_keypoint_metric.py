"""Every keypoint alone: by hand, K = 1, and sets without people."""

import itertools
import json

import numpy as np
import pytest

from poet_mm.errors import UserError
from poet_mm.evaluation.keypoint_metric import (
    KeypointMetric,
    format_table,
    keep_keypoint,
)

SIGMA = 0.1
AREA = 100.0


def make_metric(folder, people, names=('tail',), **kwargs):
    """A metric for (image, [x, y, v of each keypoint]); two images."""
    annotations = [
        dict(
            id=n,
            image_id=image,
            category_id=1,
            iscrowd=0,
            bbox=[0, 0, 10, 10],
            area=AREA,
            keypoints=keypoints,
        )
        for n, (image, keypoints) in enumerate(people, 1)
    ]
    content = dict(
        images=[dict(id=1), dict(id=2)],
        annotations=annotations,
        categories=[dict(id=1, name='mouse')],
    )
    path = folder / 'ann.json'
    path.write_text(json.dumps(content))
    metric = KeypointMetric(
        ann_file=str(path), score_mode='bbox', nms_mode='none', **kwargs
    )
    metric.dataset_meta = dict(
        num_keypoints=len(names),
        keypoint_id2name=dict(enumerate(names)),
        sigmas=np.full(len(names), SIGMA),
    )
    return metric


def predict(metric, image, points, scores):
    """Pass predictions (Q, K, 2) of an image to the metric."""
    K = metric.dataset_meta['num_keypoints']
    points = np.array(points, float).reshape(-1, K, 2)
    people = dict(
        keypoints=points,
        keypoint_scores=np.ones(points.shape[:2]),
        bbox_scores=np.array(scores, float),
    )
    sample = dict(id=[image], img_id=image, gt_instances={})
    metric.process(None, [dict(sample, pred_instances=people)])


@pytest.fixture(params=['auto', 'xtcocotools'])
def backend(request):
    return request.param


def test_one_keypoint_by_hand(tmp_path, backend):
    """Distances 0 (visible) and 3 (hidden): exp(-9 / (2 x 100 x 0.04))."""
    metric = make_metric(
        tmp_path, [(1, [5, 5, 2]), (2, [5, 5, 1])], backend=backend
    )
    predict(metric, 1, [[5, 5], [90, 90]], [0.9, 0.4])
    predict(metric, 2, [[5, 8]], [0.8])
    hidden, visible, both = metric.rows(metric.results)
    similarity = np.exp(-9 / 8)  # 0.325, a miss at all of COCO's thresholds
    assert [row['v'] for row in (hidden, visible, both)] == ['1', '2', 'all']
    assert [row['labelled'] for row in (hidden, visible, both)] == [1, 1, 2]
    assert [row['found'] for row in (hidden, visible, both)] == [1, 1, 2]
    assert hidden['oks'] == pytest.approx(similarity, abs=1e-5)
    assert both['oks'] == pytest.approx((1 + similarity) / 2, abs=1e-5)
    assert (visible['median_px'], visible['p90_px']) == (0, 0)
    assert both['median_px'] == pytest.approx(1.5)
    assert both['p90_px'] == pytest.approx(2.7)
    assert both['median_size'] == pytest.approx(0.15)
    assert both['p90_size'] == pytest.approx(0.27)
    # (90, 90) is a false positive for v = 2, and after the hit
    assert (hidden['AP'], visible['AP']) == (0, 1)
    assert both['AP'] == pytest.approx(51 / 101, abs=1e-5)
    people = metric.coco.dataset['annotations']
    assert [person['keypoints'] for person in people] == [[5, 5, 2], [5, 5, 1]]


def test_people_without_the_label_are_ignored(tmp_path, backend):
    """The better detection is of a person without `b`: no false positive."""
    metric = make_metric(
        tmp_path,
        [(1, [5, 5, 2, 0, 0, 0]), (2, [5, 5, 2, 8, 8, 2])],
        ('a', 'b'),
        backend=backend,
    )
    predict(metric, 1, [[[5, 5], [2, 2]]], [0.9])
    predict(metric, 2, [[[5, 5], [8, 8]]], [0.8])
    assert metric.evaluate(2) == {'keypoints/AP a': 1, 'keypoints/AP b': 1}


def test_keep_keypoint():
    person = dict(keypoints=[1, 2, 2, 3, 4, 1], num_keypoints=2)
    kept = keep_keypoint(person, 1, (1,))
    assert kept == dict(keypoints=[0, 0, 0, 3, 4, 1], num_keypoints=1)
    assert not any(keep_keypoint(person, 1, (2,))['keypoints'])
    assert person['keypoints'] == [1, 2, 2, 3, 4, 1]


@pytest.mark.parametrize(
    ('people', 'points', 'labelled', 'AP'),
    [
        ([], [], 0, None),
        ([], [[5, 5]], 0, None),
        ([(1, [5, 5, 2])], [], 1, 0),
        ([(1, [5, 5, 2])], [[90, 90]], 1, 0),
        ([(1, [0, 0, 0])], [[5, 5]], 0, None),
    ],
)
def test_nothing_to_measure_is_none(
    tmp_path, backend, people, points, labelled, AP
):
    metric = make_metric(tmp_path, people, backend=backend)
    predict(metric, 1, points, [0.9] * len(points))
    predict(metric, 2, [], [])
    *_, both = rows = metric.rows(metric.results)
    json.dumps(rows, allow_nan=False)
    assert (both['labelled'], both['found'], both['AP']) == (labelled, 0, AP)
    for key in ('oks', 'median_px', 'p90_px', 'median_size', 'p90_size'):
        assert both[key] is None
    assert 'nan' not in format_table(rows)
    expected = {'keypoints/AP tail': 0} if labelled else {}
    assert metric.evaluate(2) == expected


@pytest.mark.parametrize('v', [1, 2])
def test_all_labels_have_one_v(tmp_path, backend, v):
    """Distances 0 and 1: the similarity of `b` is a hit up to 0.85."""
    metric = make_metric(
        tmp_path, [(1, [5, 5, v, 8, 8, v])], ('a', 'b'), backend=backend
    )
    predict(metric, 1, [[[5, 5], [8, 9]]], [0.9])
    predict(metric, 2, [], [])
    rows = metric.rows(metric.results)
    similarity = round(np.exp(-1 / 8), 5)  # 0.8825
    numbers = dict(
        a=[1, 1, 1, 0, 0, 0, 0, 1], b=[1, 1, similarity, 1, 1, 0.1, 0.1, 0.8]
    )
    nothing = [0, 0, *[None] * 6]
    for row, (name, label) in zip(
        rows, itertools.product('ab', ('1', '2', 'all')), strict=True
    ):
        expected = numbers[name] if label in (str(v), 'all') else nothing
        assert list(row.values()) == [name, label, *expected]
    cells = [line.split() for line in format_table(rows).splitlines()]
    assert cells[2 + 2 - v] == ['a', str(3 - v), '0', '0', *['-'] * 6]
    assert 'nan' not in format_table(rows)


def test_low_scores_are_not_matched(tmp_path):
    metric = make_metric(tmp_path, [(1, [5, 5, 2])], score_thr=0.3)
    predict(metric, 1, [[5, 5]], [0.3])
    assert metric.rows(metric.results)[-1]['found'] == 1
    metric.score_thr = 0.31
    assert metric.rows(metric.results)[-1]['found'] == 0


def test_area_of_zero_has_no_size(tmp_path):
    metric = make_metric(tmp_path, [(1, [5, 5, 2])])
    metric.coco.dataset['annotations'][0]['area'] = 0
    predict(metric, 1, [[5, 5]], [0.9])
    row = metric.rows(metric.results)[-1]
    assert (row['found'], row['median_px']) == (1, 0)
    assert row['median_size'] is None


def test_evaluator_without_annotations():
    with pytest.raises(UserError, match='ann_file'):
        KeypointMetric(score_mode='bbox', nms_mode='none')
