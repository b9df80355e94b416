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
    evaluation = COCOeval(truth, truth.loadRes(results), 'keypoints')
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert evaluation.stats[0] == pytest.approx(1)
