"""People in COCO's format."""

import numpy as np
import pytest
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from poet_mm.apis import to_coco


def test_to_coco_evaluates(toy):
    """Perfect people, through COCO's own code: AP 1."""
    file = toy / 'annotations' / 'person_keypoints_val2017.json'
    truth = COCO(str(file))
    results = []
    for image in truth.dataset['images']:
        anns = truth.loadAnns(truth.getAnnIds(image['id'], iscrowd=False))
        joints = np.array([ann['keypoints'] for ann in anns])
        joints = joints.reshape(-1, 17, 3).astype(np.float32)
        sample = PoseDataSample(
            metainfo=dict(img_id=image['id'], img_path=image['file_name'])
        )
        sample.pred_instances = InstanceData(
            keypoints=joints[..., :2],
            keypoint_scores=joints[..., 2] / 2,
            bbox_scores=np.ones(len(joints), np.float32),
        )
        results += to_coco(sample)
    assert {'image_id', 'category_id', 'keypoints', 'score'} < set(results[0])
    evaluation = COCOeval(truth, truth.loadRes(results), 'keypoints')
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert evaluation.stats[0] == pytest.approx(1)
