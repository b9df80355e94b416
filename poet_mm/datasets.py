"""COCO people for bottom-up models, with all that COCO says about them.

Differences from MMPose's ``BaseCocoStyleDataset`` in bottom-up mode:

- ``keypoints_visible`` is COCO's v as it stands (0 not labelled, 1 labelled
  but hidden, 2 visible); the base makes 1 and 2 the same.
- Every image carries the same per-person fields, with zero rows where nobody
  is; the base leaves the fields out.
- Every per-person field has one entry per person, so that one index filters
  them all; the base chains the polygons of all people into one list.
- Images stay in the order of the annotation file.
- There is no ``category_id``: with the default ``PackPoseInputs`` it reaches
  ``CocoMetric`` as an array, which stops with "unhashable type: 'list'".
- Damaged annotations stop the run with their id, what came, what is expected.

N: number of people of an image, K: number of keypoints of the skeleton.
"""
from itertools import groupby
from typing import List, Optional, Tuple

import numpy as np
from mmengine.fileio import exists
from mmpose.datasets.datasets.base import BaseCocoStyleDataset
from mmpose.registry import DATASETS

IMAGE_CHOICES = ('all', 'with_people')
IMAGE_KEYS = ('img_id', 'img_path', 'width', 'height')


def check_annotation(ann: dict, num_keypoints: int) -> None:
    """Raise a ValueError unless the annotation fits the skeleton.

    Args:
        ann (dict): One entry of COCO's ``annotations`` with ``bbox`` and
            ``keypoints``.
        num_keypoints (int): K of the metainfo.
    """
    name = f"Annotation {ann.get('id')} of image {ann.get('image_id')}"
    length = len(ann['keypoints'])
    if length != 3 * num_keypoints:
        joints = f'{length} numbers, not triplets of x, y, v'
        if length % 3 == 0:
            joints = f'{length // 3} joints ({length} numbers)'
        raise ValueError(
            f'{name}: data has {joints}, metainfo {num_keypoints} joints '
            f'({3 * num_keypoints} numbers). Is `metainfo` that of this '
            'skeleton?')

    numbers = np.asarray(ann['keypoints'], dtype=np.float64)
    if not np.isfinite(numbers).all():
        joint = int(np.flatnonzero(~np.isfinite(numbers))[0]) // 3
        raise ValueError(
            f'{name}: joint {joint} is '
            f"{ann['keypoints'][3 * joint:3 * joint + 3]}, expected finite "
            'x, y, v.')
    unknown = set(numbers[2::3]) - {0, 1, 2}
    if unknown:
        raise ValueError(f'{name}: visibility {sorted(unknown)}, expected '
                         '0 (not labelled), 1 (hidden) or 2 (visible).')

    bbox = np.asarray(ann['bbox'], dtype=np.float64)
    if bbox.shape != (4, ) or not np.isfinite(bbox).all():
        raise ValueError(f"{name}: bbox is {ann['bbox']}, expected four "
                         'finite numbers x, y, w, h.')


def gather_people(people: List[dict], num_keypoints: int) -> dict:
    """Join the people of one image into fields of equal length.

    Args:
        people (list[dict]): What ``parse_data_info`` gave for each of the N
            people; may be empty.
        num_keypoints (int): K of the metainfo.

    Returns:
        dict: Per-person fields, all of length N:

        - keypoints (np.ndarray): (N, K, 2), in pixels of the image file.
        - keypoints_visible (np.ndarray): (N, K), 0, 1 or 2.
        - bbox (np.ndarray): (N, 4), x1, y1, x2, y2 in pixels.
        - bbox_score, area (np.ndarray): (N,), area in square pixels.
        - iscrowd, num_keypoints (np.ndarray): (N,), integers.
        - id, segmentation, raw_ann_info (list): as in the file.
    """
    N, K = len(people), num_keypoints

    def stack(key, shape, dtype=np.float32):
        values = [person[key] for person in people]
        return np.asarray(values, dtype=dtype).reshape(N, *shape)

    return {
        'keypoints': stack('keypoints', (K, 2)),
        'keypoints_visible': stack('keypoints_visible', (K, )),
        'bbox': stack('bbox', (4, )),
        'bbox_score': stack('bbox_score', ()),
        'area': stack('area', ()),
        'iscrowd': stack('iscrowd', (), np.int64),
        'num_keypoints': stack('num_keypoints', (), np.int64),
        'id': [person['id'] for person in people],
        'segmentation': [person['segmentation'] for person in people],
        'raw_ann_info': [person['raw_ann_info'] for person in people]
    }


# Workaround (mmpose<=1.3.2): in bottom-up mode `BaseCocoStyleDataset` makes v
# = 1 and v = 2 the same and leaves images without people without the keys that
# pipelines read.
@DATASETS.register_module()
class BottomupCocoDataset(BaseCocoStyleDataset):
    """COCO-style people of any skeleton, one sample per image.

    People without a labelled joint and crowds stay people: who is supervised
    is decided by codec and loss, not here.

    Args:
        images (str, optional): ``'all'`` keeps every image of the file,
            ``'with_people'`` those with at least one annotation of a person,
            be it a crowd or one without joints (2,693 of the 5,000 images of
            val2017). Defaults to ``None``: ``'all'`` in test mode,
            ``'with_people'`` in training.
        data_mode (str): ``'bottomup'``, the only mode there is.
        **kwargs: As in :class:`BaseCocoStyleDataset`: ``ann_file``,
            ``data_root``, ``data_prefix``, ``pipeline``, ``test_mode``, ...
            Without ``metainfo`` the skeleton is COCO's.
    """

    METAINFO: dict = {'from_file': 'configs/_base_/datasets/coco.py'}

    def __init__(self,
                 images: Optional[str] = None,
                 data_mode: str = 'bottomup',
                 **kwargs) -> None:
        if data_mode != 'bottomup':
            raise ValueError(
                f"data_mode is {data_mode!r}, expected 'bottomup'.")
        if images is None:
            test_mode = kwargs.get('test_mode', False)
            images = 'all' if test_mode else 'with_people'
        if images not in IMAGE_CHOICES:
            raise ValueError(
                f'images is {images!r}, expected one of {IMAGE_CHOICES}.')
        self.images = images
        super().__init__(data_mode=data_mode, **kwargs)

    def _load_annotations(self) -> Tuple[List[dict], List[dict]]:
        """Read people and images, or say which file is missing."""
        if not exists(self.ann_file):
            raise FileNotFoundError(
                f'No annotation file at {self.ann_file!r}: `--data-root` '
                "must point at a folder in COCO's layout (annotations/ "
                'beside the image folders).')
        return super()._load_annotations()

    def parse_data_info(self, raw_data_info: dict) -> Optional[dict]:
        """Parse one annotation; ``None`` if it has no box or no keypoints.

        Args:
            raw_data_info (dict): ``raw_ann_info`` and ``raw_img_info``, the
                entries of the annotation file.

        Returns:
            dict | None: One person, as the base gives it, but with the raw v
            and with ``num_keypoints`` counted from it.
        """
        ann = raw_data_info['raw_ann_info']
        if 'bbox' in ann and 'keypoints' in ann:
            check_annotation(ann, self.metainfo['num_keypoints'])
        person = super().parse_data_info(raw_data_info)
        if person is None:
            return None
        visible = np.asarray(ann['keypoints'][2::3], dtype=np.float32)
        person['keypoints_visible'] = visible[None]  # (1, K)
        person['num_keypoints'] = int((visible > 0).sum())
        return person

    def _get_bottomup_data_infos(self, instance_list: List[dict],
                                 image_list: List[dict]) -> List[dict]:
        """Make one sample per image, in the order of the images.

        Args:
            instance_list (list[dict]): All people, grouped by image.
            image_list (list[dict]): All images.

        Returns:
            list[dict]: Samples with ``img_id``, ``img_path``, ``width`` and
            ``height`` if the file has them, the fields of
            :func:`gather_people` and ``invalid_segs``, the masks of crowds
            and of people without joints, for mmpose's heatmap mask.
        """
        groups = groupby(instance_list, lambda person: person['img_id'])
        people_of = {img_id: list(people) for img_id, people in groups}
        data_list = []
        for image in image_list:
            people = people_of.get(image['img_id'], [])
            if not people and self.images == 'with_people':
                continue
            sample = {key: image[key] for key in IMAGE_KEYS if key in image}
            sample.update(
                gather_people(people, self.metainfo['num_keypoints']))
            sample['invalid_segs'] = [
                person['segmentation'] for person in people
                if not self._is_valid_instance(person)
                and person['segmentation'] is not None
            ]
            if 'crowdIndex' in image:
                sample['crowd_index'] = image['crowdIndex']
            data_list.append(sample)
        if not data_list:
            raise ValueError(
                f'{self.ann_file!r} has {len(image_list)} images, none of '
                f'them to use with images={self.images!r}.')
        return data_list
