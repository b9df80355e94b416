"""A small sound data set of three joints, and ways to spoil it."""

import copy
import json

import cv2
import numpy as np

from poet_mm.datasets.coco import BottomupCocoDataset
from poet_mm.datasets.inspection.check import Expected, check_dataset

W, H = 64, 48
NAMES = ('nose', 'left_hand', 'right_hand')
METAINFO = dict(
    dataset_name='three',
    paper_info=dict(),
    keypoint_info={
        k: dict(name=name, id=k, color=[0, 0, 0], type='', swap=swap)
        for k, (name, swap) in enumerate(
            zip(NAMES, ('', 'right_hand', 'left_hand'))
        )
    },
    skeleton_info={},
    joint_weights=[1.0] * 3,
    sigmas=[0.1] * 3,
)


def make_content(num_images=4, seed=0):
    """Images 1, 2, ... with two people each, and nothing to complain of."""
    rng = np.random.default_rng(seed)
    images, annotations = [], []
    for n in range(1, num_images + 1):
        images.append(dict(id=n, file_name=f'{n}.jpg', width=W, height=H))
        for _ in range(2):
            joints = rng.integers((10, 10, 2), (30, 30, 3), (3, 3))
            joints[2, 2] = 1
            annotations.append(
                dict(
                    id=100 + len(annotations),
                    image_id=n,
                    category_id=1,
                    bbox=[5, 5, 40, 30],
                    area=700.0,
                    iscrowd=0,
                    num_keypoints=3,
                    keypoints=joints.ravel().tolist(),
                    segmentation=[[5, 5, 45, 5, 45, 35]],
                )
            )
    category = dict(id=1, name='person', keypoints=list(NAMES))
    return dict(images=images, annotations=annotations, categories=[category])


def write_data(folder, content):
    """Annotations and images; -> (annotation file, folder of images)."""
    images = folder / 'images'
    images.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for image in content['images']:
        pixels = rng.integers(0, 256, (H, W, 3), np.uint8)
        if image['file_name']:
            cv2.imwrite(str(images / image['file_name']), pixels)
    ann_file = folder / 'ann.json'
    ann_file.write_text(json.dumps(content))
    return ann_file, images


def spoil(content, entries, index, **changes):
    """A copy in which an entry has other values; ``...`` removes one."""
    content = copy.deepcopy(content)
    entry = content[entries][index]
    for key, value in changes.items():
        if value is ...:
            del entry[key]
        else:
            entry[key] = value
    return content


def with_joint(k, joint):
    """Keypoints of a person with another joint k."""
    keypoints = [20, 20, 2, 21, 21, 2, 22, 22, 1]
    keypoints[3 * k : 3 * k + 3] = joint
    return keypoints


def faulty_joint(k, joint):
    """An entry of FAULTS: where, and what is spoilt."""
    return 'annotations', dict(keypoints=with_joint(k, joint))


NAN = float('nan')

# name of the finding: where, what is spoilt; both the data set and the check
# must notice these
FAULTS = dict(
    image_id_type=('images', dict(id='a')),
    duplicate_image_ids=('images', dict(id=2)),
    no_file_name=('images', dict(file_name='')),
    no_image_size=('images', dict(width=0)),
    annotation_id_type=('annotations', dict(id=None)),
    duplicate_annotation_ids=('annotations', dict(id=101)),
    no_such_image=('annotations', dict(image_id=99)),
    category_id_type=('annotations', dict(category_id=...)),
    broken_bbox=('annotations', dict(bbox=[1, 2, 3])),
    broken_area=('annotations', dict(area=NAN)),
    broken_iscrowd=('annotations', dict(iscrowd=2)),
    wrong_number_of_joints=('annotations', dict(keypoints=[1, 1, 2])),
    broken_joints=faulty_joint(1, [NAN, 1, 2]),
    broken_visibility=faulty_joint(1, [20, 20, 3]),
    joints_far_outside=faulty_joint(1, [1e6, 20, 2]),
)


EXPECTED = Expected(list(NAMES), num_queries=3)


def find(folder, content, images=False, expected=EXPECTED, **kwargs):
    """Findings by their names."""
    ann_file, image_folder = write_data(folder, content)
    _, findings = check_dataset(
        str(ann_file),
        str(image_folder) if images else None,
        expected,
        **kwargs,
    )
    return {finding.name: finding for finding in findings}


PIPELINE = [dict(type='LoadIntactImage'), dict(type='PackBottomupInputs')]


def make_dataset(folder, content=None, **kwargs):
    ann_file, images = write_data(folder, content or make_content())
    return BottomupCocoDataset(
        ann_file=str(ann_file),
        data_prefix=dict(img=str(images)),
        metainfo=METAINFO,
        pipeline=PIPELINE,
        serialize_data=False,  # it collects garbage, which takes 0.3 s
        **kwargs,
    )
