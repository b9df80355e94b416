"""People in COCO's format."""

import numpy as np
import pytest
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from poet_mm.apis import to_coco
from poet_mm.apis.results import keypoint_boxes


def test_boxes_by_hand():
    """All keypoints, the visible ones, and a person without any."""
    keypoints = np.array([[[1.0, 2], [5, 9]], [[7, 7], [3, 8]]])
    assert keypoint_boxes(keypoints).tolist() == [[1, 2, 5, 9], [3, 7, 7, 8]]
    visible = np.array([[False, True], [False, False]])
    boxes = keypoint_boxes(keypoints, visible)
    assert boxes.tolist() == [[5, 9, 5, 9], [3, 7, 7, 8]]
    assert keypoint_boxes(keypoints[:0]).shape == (0, 4)


def evaluate(truth, results):
    """Return COCO's ten numbers."""
    evaluation = COCOeval(truth, truth.loadRes(results), 'keypoints')
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return evaluation.stats


def test_to_coco_evaluates(toy):
    """Perfect people, through COCO's own code: AP 1. The boxes change none of
    its numbers, as `loadRes` makes the same ones of the keypoints."""
    truth = COCO(str(toy / 'annotations' / 'person_keypoints_val2017.json'))
    results = []
    for image in truth.dataset['images']:
        anns = truth.loadAnns(truth.getAnnIds(image['id'], iscrowd=False))
        keypoints = np.array([ann['keypoints'] for ann in anns], np.float32)
        keypoints = keypoints.reshape(-1, 17, 3)
        meta = dict(img_id=image['id'], img_path=image['file_name'])
        sample = PoseDataSample(metainfo=meta)
        sample.pred_instances = InstanceData(
            keypoints=keypoints[..., :2],
            keypoint_scores=keypoints[..., 2] / 2,
            bbox_scores=np.ones(len(keypoints), np.float32),
        )
        results += to_coco(sample)
    x, y = np.reshape(results[0]['keypoints'], (17, 3)).T[:2]
    expected = [x.min(), y.min(), np.ptp(x), np.ptp(y)]
    assert results[0]['bbox'] == pytest.approx(expected)
    rng = np.random.default_rng(0)
    for person in results:
        person['score'] = rng.random()
    plain = [dict(person) for person in results]
    for person in plain:
        del person['bbox']
    stats = evaluate(truth, results)
    assert stats[0] == pytest.approx(1)
    np.testing.assert_array_equal(stats, evaluate(truth, plain))
