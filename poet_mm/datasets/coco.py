"""Read people in COCO's format for bottom-up models, with all their fields.

Differences from MMPose's ``BaseCocoStyleDataset`` in bottom-up mode:

- ``keypoints_visible`` is COCO's v as it stands (0 not labelled, 1 labelled
  but hidden, 2 visible); the base makes 1 and 2 the same.
- Every image carries the same per-person fields, with zero rows where it has
  no people; the base leaves the fields out.
- Every per-person field has one entry per person, so that one index filters
  them all; the base chains the polygons of all people into one list.
- Images stay in the order of the annotation file.
- There is no ``category_id``: with the default ``PackPoseInputs`` it reaches
  ``CocoMetric`` as an array, which stops with "unhashable type: 'list'".
- A damaged annotation or image stops the run with an error that names it. In
  training it can be left out instead; the log counts it.

N: number of people of an image, K: number of keypoints of the skeleton.
"""

import os.path as osp
from itertools import groupby
from typing import List, Optional, Set, Tuple

import numpy as np
from mmengine.fileio import exists
from mmpose.datasets.datasets.base import BaseCocoStyleDataset
from mmpose.registry import DATASETS

from ..errors import DataFault, MissingFile
from .annotations import choose_usable, read_annotations, warn
from .samplers import image_rng
from .transforms.affine import PERSON_KEYS

IMAGE_KEYS = ('img_id', 'img_path', 'width', 'height')


def gather_people(people: List[dict], num_keypoints: int) -> dict:
    """Join the people of one image into fields of equal length.

    Args:
        people (list[dict]): From ``parse_data_info``, one for each of the N
            people; may be empty.
        num_keypoints (int): K of the metainfo.

    Returns:
        dict: Per-person fields, all of length N:

        - keypoints (np.ndarray): (N, K, 2), in pixels of the image file.
        - keypoints_visible (np.ndarray): (N, K), 0, 1 or 2.
        - bbox (np.ndarray): (N, 4), x1, y1, x2, y2 in pixels.
        - bbox_score, area (np.ndarray): (N,), area in square pixels.
        - iscrowd, num_keypoints (np.ndarray): (N,), integers.
        - id, segmentation, raw_ann_info (list): As in the file.
    """
    N, K = len(people), num_keypoints

    fields = {
        key: [person[key] for person in people]
        for key in PERSON_KEYS
        if key != 'category_id'
    }
    shapes = dict(keypoints=(K, 2), keypoints_visible=(K,), bbox=(4,))
    for key in (*shapes, 'bbox_score', 'area'):
        values = np.asarray(fields[key], dtype=np.float32)
        fields[key] = values.reshape(N, *shapes.get(key, ()))
    for key in ('iscrowd', 'num_keypoints'):
        fields[key] = np.asarray(fields[key], dtype=np.int64)
    return fields


# Workaround (mmpose<=1.3.2): in bottom-up mode `BaseCocoStyleDataset` makes v
# = 1 and v = 2 the same and leaves images without people without the keys that
# pipelines read.
@DATASETS.register_module()
class BottomupCocoDataset(BaseCocoStyleDataset):
    """Read COCO-style people of any skeleton, one sample per image.

    People without a labelled keypoint and crowds are kept: codec and loss
    decide who is supervised.

    Args:
        images (str, optional): ``'all'`` keeps every image of the file,
            ``'with_people'`` those with at least one annotation, also of a
            crowd or of a person without labelled keypoints (2,693 of the
            5,000 images of val2017). Defaults to ``None``: ``'all'`` in test
            mode, ``'with_people'`` in training.
        faults (str): ``'raise'`` raises a :class:`DataFault` that names the
            first image or annotation with a fault. ``'skip'``, in training
            only, leaves the image out and logs it; if its file is damaged,
            another image is drawn in its place. Defaults to ``'raise'``.
        data_mode (str): ``'bottomup'``, the only mode.
        **kwargs: As in :class:`BaseCocoStyleDataset`: ``ann_file``,
            ``data_root``, ``data_prefix``, ``pipeline``, ``test_mode``, ...
            Without ``metainfo`` the skeleton is COCO's.
    """

    METAINFO: dict = {'from_file': 'configs/_base_/datasets/coco.py'}

    def __init__(
        self,
        images: Optional[str] = None,
        faults: str = 'raise',
        data_mode: str = 'bottomup',
        **kwargs,
    ) -> None:
        if data_mode != 'bottomup':
            raise ValueError(
                f"data_mode is {data_mode!r}, expected 'bottomup'."
            )
        test_mode = kwargs.get('test_mode', False)
        if images is None:
            images = 'all' if test_mode else 'with_people'
        for name, value, choices in (
            ('images', images, ('all', 'with_people')),
            ('faults', faults, ('raise', 'skip')),
        ):
            if value not in choices:
                raise ValueError(
                    f'{name} is {value!r}, expected one of {choices}.'
                )
        if faults == 'skip' and test_mode:
            raise ValueError(
                "faults='skip' is for training: an evaluation without some of "
                'the images compares with no other. Remove them from the '
                'annotation file (tools/check_dataset.py lists them).'
            )
        self.images = images
        self.faults = faults
        self.unreadable: Set[str] = set()  # their errors, of this process
        super().__init__(data_mode=data_mode, **kwargs)

    # Private API (mmpose 1.3.2, checked): this method, `_load_annotations` and
    # `_get_bottomup_data_infos`, which the data sets of mmpose override, too.
    @classmethod
    def _load_metainfo(cls, metainfo: Optional[dict] = None) -> dict:
        """Read the metainfo, or raise a MissingFile."""
        try:
            return super()._load_metainfo(metainfo)
        except FileNotFoundError as error:
            raise MissingFile(
                f'{error} Set metainfo of the data set.'
            ) from error

    def _load_annotations(self) -> Tuple[List[dict], List[dict]]:
        """Read people and images, or raise the first fault.

        Returns:
            tuple[list[dict], list[dict]]: The people of
            :meth:`parse_data_info`, grouped by image, and the images, both in
            the order of the images in the file.
        """
        if not exists(self.ann_file):
            raise DataFault(
                f'There is no annotation file {self.ann_file}. Set data_root '
                "(--data-root of the tools) to a folder in COCO's layout, "
                'with annotations/ beside the folders of images.'
            )
        content = read_annotations(self.ann_file)
        if 'categories' in content:
            self._metainfo['CLASSES'] = content['categories']
        images, people = choose_usable(
            content, self.metainfo, self.faults, self.ann_file
        )
        instance_list, image_list = [], []
        for img_id, image in images.items():
            if img_id % self.sample_interval != 0:
                continue
            path = osp.join(self.data_prefix['img'], image['file_name'])
            image = dict(image, img_id=img_id, img_path=path)
            image_list.append(image)
            for ann in people[img_id]:
                raw = dict(raw_ann_info=ann, raw_img_info=image)
                instance_list.append(self.parse_data_info(raw))
        return instance_list, image_list

    def parse_data_info(self, raw_data_info: dict) -> dict:
        """Return the person of one annotation that has a box and keypoints.

        Args:
            raw_data_info (dict): ``raw_ann_info`` and ``raw_img_info``, the
                entries of the annotation file.

        Returns:
            dict: One person, as the base gives it, but with the raw v and
            with ``num_keypoints`` counted from it.
        """
        person = super().parse_data_info(raw_data_info)
        ann = raw_data_info['raw_ann_info']
        visible = np.asarray(ann['keypoints'][2::3], dtype=np.float32)
        person['keypoints_visible'] = visible[None]  # (1, K)
        person['num_keypoints'] = int((visible > 0).sum())
        return person

    def _get_bottomup_data_infos(
        self, instance_list: List[dict], image_list: List[dict]
    ) -> List[dict]:
        """Make one sample per image, in the order of the images.

        Args:
            instance_list (list[dict]): All people, grouped by image.
            image_list (list[dict]): All images.

        Returns:
            list[dict]: Samples with ``img_id``, ``img_path``, ``width`` and
            ``height`` if the file has them, the fields of
            :func:`gather_people` and ``invalid_segs``, the masks of crowds
            and of people without keypoints, for the heatmap mask.
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
                gather_people(people, self.metainfo['num_keypoints'])
            )
            sample['invalid_segs'] = [
                person['segmentation']
                for person in people
                if not self._is_valid_instance(person)
                and person['segmentation'] is not None
            ]
            if 'crowdIndex' in image:
                sample['crowd_index'] = image['crowdIndex']
            data_list.append(sample)
        left_out = len(image_list) - len(data_list)
        if left_out and not self.test_mode:
            warn(
                f'{left_out:,} of {len(image_list):,} images of '
                f'{self.ann_file} have no people and are left out; '
                "images='all' of the data set uses them."
            )
        if not data_list:
            raise DataFault(
                f'{self.ann_file!r} has {len(image_list)} images, none of '
                f'them to use with images={self.images!r}.'
            )
        return data_list

    def prepare_data(self, idx: int) -> Optional[dict]:
        """Load and transform an image with the seed of its batch.

        Returns:
            dict, optional: The sample. None if the image has a fault and
            faults are skipped: mmengine then draws another image.
        """
        try:
            with image_rng(idx):
                return super().prepare_data(idx)
        except DataFault as fault:
            if self.faults == 'raise':
                raise
            if str(fault) not in self.unreadable:
                self.unreadable.add(str(fault))
                warn(
                    f'{fault} Another image is drawn in its place; '
                    f'{len(self.unreadable)} of {len(self)} images so far.'
                )
            return None
