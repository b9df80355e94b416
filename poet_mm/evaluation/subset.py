"""Evaluate the images of a data set alone, and any predictions of them.

Letters: Q queries, K keypoints.
"""

from typing import Optional

import numpy as np
from mmengine.dataset import BaseDataset
from mmpose.evaluation.metrics import CocoMetric
from mmpose.registry import METRICS


def build_subset_metric(
    cfg: dict, dataset: BaseDataset, **changes
) -> CocoMetric:
    """Build a metric that expects the images of a data set, and no others.

    Args:
        cfg (dict): Of a ``CocoMetric``; its ``ann_file`` and ``prefix`` are
            replaced.
        dataset (BaseDataset): Images; ``indices`` may leave some out.
        **changes: Other keys of the config to replace.
    """
    changes = dict(changes, ann_file=dataset.ann_file, prefix=None)
    metric = METRICS.build({**cfg, **changes})
    metric.dataset_meta = dataset.metainfo
    ids = {dataset.get_data_info(i)['img_id'] for i in range(len(dataset))}
    coco = metric.coco
    if ids != set(coco.getImgIds()):  # else it expects images left out
        coco.dataset = dict(coco.dataset)
        for part, key in (('images', 'id'), ('annotations', 'image_id')):
            coco.dataset[part] = [
                entry for entry in coco.dataset[part] if entry[key] in ids
            ]
        coco.createIndex()
    return metric


def add_people(
    metric: CocoMetric,
    img_id: int,
    scores: np.ndarray,
    keypoints: np.ndarray,
    visibility: Optional[np.ndarray],
) -> None:
    """Pass the people of an image to a metric.

    Args:
        metric (CocoMetric): Changed in place.
        img_id (int): Of the annotation file.
        scores (np.ndarray): (Q, ), of people.
        keypoints (np.ndarray): (Q, K, 2), in pixels of the image's file.
        visibility (np.ndarray, optional): (Q, K), in [0, 1]; None: all are 1.
    """
    keypoint_scores = np.broadcast_to(scores[:, None], keypoints.shape[:2])
    if visibility is not None:
        keypoint_scores = scores[:, None] * visibility
    people = dict(
        keypoints=keypoints,
        keypoint_scores=keypoint_scores,
        bbox_scores=scores,
    )
    image = dict(id=[img_id], img_id=img_id, gt_instances={})
    metric.process(None, [dict(image, pred_instances=people)])
