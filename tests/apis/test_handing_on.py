"""People for supervision, pandas and CSV, with numbers computed by hand."""

import csv
import sys

import numpy as np
import pytest
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample

from poet_mm.apis import UserError, to_coco, to_dataframe, to_supervision
from poet_mm.apis.handing_on import append_rows, detection_arrays, to_rows

NAMES = ['nose', 'tail', 'paw']


def make_sample(keypoints, scores, names=None, visibility=True):
    """People with keypoints (N, K, 2) and scores (N, K)."""
    keypoints = np.array(keypoints, np.float32)
    scores = np.array(scores, np.float32)
    meta = dict(img_path='a/b.jpg', img_id=3)
    if names:
        meta['keypoint_names'] = names
    sample = PoseDataSample(metainfo=meta)
    sample.pred_instances = InstanceData(
        keypoints=keypoints,
        keypoint_scores=scores,
        bbox_scores=np.full(len(keypoints), 0.5, np.float32),
    )
    if visibility:
        sample.pred_instances.visibility = scores * 2
    return sample


@pytest.fixture
def sample():
    """A person with one hidden keypoint, and one with hidden ones only."""
    return make_sample(
        [[[1, 2], [5, 9], [30, 40]], [[7, 7], [3, 8], [4, 1]]],
        [[0.4, 0.25, 0.1], [0.1, 0.2, 0.0]],
        NAMES,
    )


def nothing(K):
    return make_sample(np.zeros((0, K, 2)), np.zeros((0, K)), NAMES[:K])


def test_arrays(sample):
    """A visibility of 0.5 is visible; if none is, the box is that of all."""
    arrays = detection_arrays(sample, 0.5)
    assert arrays['visible'].tolist() == [[True, True, False], [False] * 3]
    assert arrays['boxes'].tolist() == [[1, 2, 5, 9], [3, 1, 7, 8]]
    assert arrays['scores'].tolist() == [0.5, 0.5]
    boxes = detection_arrays(sample, 0)['boxes']
    assert boxes.tolist() == [[1, 2, 30, 40], [3, 1, 7, 8]]
    del sample.pred_instances.visibility  # as AE's: the score decides
    visible = detection_arrays(sample, 0.25)['visible']
    assert visible.tolist() == [[True, True, False], [False] * 3]


@pytest.mark.parametrize('K', [1, 3])
def test_arrays_of_no_people(K):
    arrays = detection_arrays(nothing(K), 0.3)
    assert {name: values.shape for name, values in arrays.items()} == dict(
        keypoints=(0, K, 2),
        boxes=(0, 4),
        keypoint_scores=(0, K),
        scores=(0,),
        visible=(0, K),
    )
    assert arrays.pop('visible').dtype == bool
    assert {values.dtype.name for values in arrays.values()} == {'float32'}


ONE_KEYPOINT = make_sample([[[4, 6]]], [[0.9]])


def test_one_keypoint():
    boxes = detection_arrays(ONE_KEYPOINT, 0.3)['boxes']
    assert boxes.tolist() == [[4, 6, 4, 6]]
    assert [row['keypoint'] for row in to_rows(ONE_KEYPOINT)] == ['0']
    (person,) = to_coco(ONE_KEYPOINT)
    assert person['keypoints'] == [4, 6, 0.9]
    assert person['bbox'] == [4, 6, 0, 0]


def test_rows(sample):
    rows = to_rows(sample)
    assert [row['person'] for row in rows] == [0, 0, 0, 1, 1, 1]
    assert rows[2] == dict(
        image='a/b.jpg',
        person=0,
        keypoint='paw',
        x=30.0,
        y=40.0,
        score=0.1,
        visibility=0.2,
    )
    assert to_rows(nothing(3)) == []


def test_csv(sample, tmp_path):
    """An old file is replaced; without visibility, its cells are empty."""
    path = tmp_path / 'people.csv'
    path.write_text('old')
    append_rows(path, nothing(3), new=True)
    append_rows(path, sample, new=False)
    others = make_sample([[[1.23456, 2]]], [[1]], ['paw'], visibility=False)
    append_rows(path, others, new=False)
    with open(path, newline='') as file:
        header, *rows = csv.reader(file)
    assert ','.join(header) == 'image,person,keypoint,x,y,score,visibility'
    assert len(rows) == 7
    assert rows[1] == ['a/b.jpg', '0', 'tail', '5.0', '9.0', '0.25', '0.5']
    assert rows[6] == ['a/b.jpg', '0', 'paw', '1.2346', '2.0', '1.0', '']


def test_missing_or_old_package(sample, monkeypatch):
    monkeypatch.setitem(sys.modules, 'supervision', None)
    with pytest.raises(UserError, match=r'supervision>=0\.29'):
        to_supervision(sample)
    monkeypatch.setitem(sys.modules, 'pandas', None)
    with pytest.raises(UserError, match=r'pip install .pandas>=.* numpy=='):
        to_dataframe(sample)


def test_supervision(sample):
    sv = pytest.importorskip('supervision', '0.29')
    people, boxes = to_supervision(sample, 0.5)
    assert isinstance(people, sv.KeyPoints)
    assert isinstance(boxes, sv.Detections)
    assert boxes.xyxy.tolist() == [[1, 2, 5, 9], [3, 1, 7, 8]]
    assert boxes[np.array([1])].data['person'].tolist() == [1]
    visibility = people[[1]].data['visibility']
    np.testing.assert_allclose(visibility, [[0.2, 0.4, 0.0]])
    people, boxes = to_supervision(nothing(3))
    assert people.xy.shape == (0, 3, 2)
    assert boxes.xyxy.shape == (0, 4)
    people, boxes = to_supervision(ONE_KEYPOINT)
    assert people.xy.tolist() == [[[4, 6]]]
    assert boxes.xyxy.tolist() == [[4, 6, 4, 6]]


def test_dataframe(sample):
    pytest.importorskip('pandas', '1.5')
    table = to_dataframe(sample)
    assert table.shape == (6, 7)
    assert table.groupby('keypoint').x.max().to_dict() == dict(
        nose=7.0, tail=5.0, paw=30.0
    )
    assert not table.isna().any(axis=None)
    empty = to_dataframe(nothing(3))
    assert empty.shape == (0, 7)
    assert (empty.dtypes == table.dtypes).all()
    row = dict(keypoint='0', x=4.0, y=6.0, score=0.9)
    assert to_dataframe(ONE_KEYPOINT)[[*row]].to_dict('records') == [row]
