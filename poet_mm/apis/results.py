"""Convert predictions to MMPose's lists of people and to COCO's results."""

import os.path as osp
from typing import List

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


def to_coco(sample: PoseDataSample) -> List[dict]:
    """Return the people of an image as COCO's results, for ``COCO.loadRes``.

    Args:
        sample (PoseDataSample): From :class:`POETInferencer`, with
            ``return_datasamples=True``.

    Returns:
        list[dict]: ``image_id``, ``category_id``, ``keypoints`` [x, y, score,
        ...] in pixels of the original image, ``score``, ``file_name``.
    """
    people = sample.pred_instances
    poses = np.concatenate(
        [people.keypoints, people.keypoint_scores[..., None]], axis=-1
    )  # (N, K, 3)
    return [
        dict(
            image_id=sample.img_id,
            category_id=1,  # person
            keypoints=np.round(pose.astype(float), 4).ravel().tolist(),
            score=float(score),
            file_name=osp.basename(sample.img_path),
        )
        for pose, score in zip(poses, people.bbox_scores)
    ]
