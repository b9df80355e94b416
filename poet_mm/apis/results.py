"""Convert predictions to MMPose's lists of people and to COCO's results."""

import os.path as osp
from typing import List, Optional

import numpy as np
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample, split_instances

PERSON_FIELDS = dict(  # key of a person: field of an image
    bbox_score='bbox_scores', center='centers', visibility='visibility'
)


def split_people(instances: InstanceData) -> List[dict]:
    """Return MMPose's list of people, with the fields that POET adds.

    Returns:
        list[dict]: For each person ``keypoints`` (K, 2) in pixels of the
        original image and ``keypoint_scores`` (K, ), as in MMPose, and, if
        predicted, ``bbox_score``, ``center`` (2, ) in the same pixels and
        ``visibility`` (K, ).
    """
    people = split_instances(instances)
    for key, field in PERSON_FIELDS.items():
        if field in instances:
            for person, value in zip(people, instances[field]):
                person[key] = value.tolist()
    return people


def keypoint_boxes(
    keypoints: np.ndarray, visible: Optional[np.ndarray] = None
) -> np.ndarray:
    """Return the tight boxes around keypoints.

    Args:
        keypoints (np.ndarray): (N, K, 2), x and y.
        visible (np.ndarray, optional): (N, K), bool, the keypoints that the
            box has to contain. A person without any has the box of all
            keypoints. Defaults to None, all keypoints.

    Returns:
        np.ndarray: (N, 4), x1, y1, x2, y2, in the unit and dtype of the
        keypoints. A single keypoint has a box without area.
    """
    if visible is None:
        visible = np.ones(keypoints.shape[:2], bool)
    inside = visible | ~visible.any(axis=1, keepdims=True)  # (N, K)
    inside = inside[..., None]  # (N, K, 1)
    lowest = np.where(inside, keypoints, np.inf).min(axis=1)
    highest = np.where(inside, keypoints, -np.inf).max(axis=1)
    boxes = np.concatenate([lowest, highest], axis=1)  # (N, 4)
    return boxes.astype(keypoints.dtype)


def to_coco(sample: PoseDataSample) -> List[dict]:
    """Return the people of an image as COCO's results, for ``COCO.loadRes``.

    Args:
        sample (PoseDataSample): From :class:`POETInferencer`, with
            ``return_datasamples=True``.

    Returns:
        list[dict]: ``image_id``, ``category_id``, ``keypoints`` [x, y, score,
        ...] and ``bbox`` [x, y, width, height] in pixels of the original
        image, ``score``, ``file_name``. The box is that of all keypoints:
        ``COCO.loadRes`` takes the size of a person from it, and would compute
        the same one.
    """
    people = sample.pred_instances
    poses = np.concatenate(
        [people.keypoints, people.keypoint_scores[..., None]], axis=-1
    ).astype(float)  # (N, K, 3)
    poses = np.round(poses, 4)
    boxes = keypoint_boxes(poses[..., :2])
    boxes[:, 2:] -= boxes[:, :2]  # x, y, width, height
    return [
        dict(
            image_id=sample.img_id,
            category_id=1,  # person
            keypoints=pose.ravel().tolist(),
            bbox=np.round(box, 4).tolist(),
            score=float(score),
            file_name=osp.basename(sample.img_path),
        )
        for pose, box, score in zip(poses, boxes, people.bbox_scores)
    ]
