"""An annotation file as arrays, whatever is wrong with it.

What is missing or not of its type becomes NaN or -1 here, and is found by the
checks.
"""
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, List

import numpy as np

from ..checks import as_numbers, distance_outside, is_number


@dataclass
class Table:
    """Images (I) and annotations (M) of K joints.

    Values that are no finite numbers are NaN. ``joints`` are NaN where the
    number of joints is not K.
    """
    images: List[dict]
    annotations: List[dict]
    categories: List[dict]
    joint_names: List[str]
    sizes: np.ndarray  # (I, 2), width and height in pixels
    image_of: np.ndarray  # (M, ), index of the image, -1: there is none
    bbox: np.ndarray  # (M, 4), x, y, w, h in pixels
    area: np.ndarray  # (M, ), in square pixels
    iscrowd: np.ndarray  # (M, ), 0 where it is not told
    num_keypoints: np.ndarray  # (M, )
    num_joints: np.ndarray  # (M, ), numbers / 3; -1: no list of numbers
    joints: np.ndarray  # (M, K, 3), x and y in pixels, v

    @cached_property
    def fits(self) -> np.ndarray:
        """Annotations with K joints, (M, )."""
        return self.num_joints == self.joints.shape[1]

    @cached_property
    def has_pose(self) -> np.ndarray:
        """Annotations that tell a box and joints at all, (M, ); others are
        passed over in training."""
        return np.array(['bbox' in ann and 'keypoints' in ann
                         for ann in self.annotations], dtype=bool)

    @cached_property
    def labelled(self) -> np.ndarray:
        """Joints with v > 0, (M, K)."""
        return self.joints[..., 2] > 0

    @cached_property
    def is_person(self) -> np.ndarray:
        """What POET has a query for: a pose and no crowd, (M, )."""
        return self.has_pose & (self.iscrowd != 1)

    @cached_property
    def size_known(self) -> np.ndarray:
        """Annotations of an image that tells a size, (M, )."""
        if not len(self.sizes):
            return np.zeros(len(self.image_of), dtype=bool)
        told = (self.sizes >= 1).all(axis=1)  # (I, )
        return (self.image_of >= 0) & told[self.image_of]

    @cached_property
    def outside(self) -> np.ndarray:
        """Pixels that labelled joints lie outside of their image, (M, K); 0
        where that or its size is not known."""
        if not len(self.sizes):
            return np.zeros(self.labelled.shape)
        size = self.sizes[self.image_of][:, None]  # (M, 1, 2)
        usable = self.labelled & self.size_known[:, None]
        with np.errstate(invalid='ignore'):
            distance = distance_outside(self.joints[..., :2], size)
        return np.where(usable & (distance > 0), distance, 0)

    def person(self, n: int) -> str:
        """Which annotation this is, in words."""
        ann, image = self.annotations[n], self.image_of[n]
        where = f"image {ann.get('image_id')}"
        if image >= 0:
            where = f'image {self.image(image)}'
        return f"annotation {ann.get('id')} of {where}"

    def image(self, i: int) -> str:
        """Which image this is, in words."""
        image = self.images[i]
        return f"{image.get('id')} ({image.get('file_name')})"


def make_table(content: dict, joint_names: List[str]) -> Table:
    """Arrays of the contents of an annotation file.

    Args:
        content (dict): From ``read_annotations``.
        joint_names (list[str]): Of the K expected joints.
    """
    images, annotations = content['images'], content['annotations']
    index = {}
    for i, image in enumerate(images):
        index.setdefault(as_key(image.get('id')), i)
    num_joints, joints = joint_columns(annotations, len(joint_names))
    return Table(
        images=images,
        annotations=annotations,
        categories=content.get('categories', []),
        joint_names=joint_names,
        sizes=np.stack([column(images, 'width'), column(images, 'height')],
                       axis=1),
        image_of=np.array([
            index.get(as_key(ann.get('image_id')), -1) for ann in annotations
        ], dtype=np.int64),
        bbox=rows([ann.get('bbox') for ann in annotations], 4)[1],
        area=column(annotations, 'area'),
        iscrowd=column(annotations, 'iscrowd', missing=0),
        num_keypoints=column(annotations, 'num_keypoints'),
        num_joints=num_joints,
        joints=joints)


def as_key(value: Any) -> Any:
    """A value of a JSON file, in a form that a dict takes as a key."""
    return repr(value) if isinstance(value, (dict, list)) else value


def column(entries: List[dict], key: str, missing=None) -> np.ndarray:
    """Numbers under one key, (len(entries), ); NaN for what is none."""
    values = [entry.get(key, missing) for entry in entries]
    if set(map(type, values)) <= {int, float}:  # as a rule, and quick
        with suppress(OverflowError):
            numbers = np.array(values, dtype=np.float64)
            return np.where(np.isfinite(numbers), numbers, np.nan)
    return np.array([value if is_number(value) else np.nan
                     for value in values], dtype=np.float64)


def rows(lists: list, length: int) -> tuple:
    """Lists of numbers as rows; NaN where they have another length.

    Returns:
        tuple: How long each is, (M, ), -1 if it is no list of numbers; and
        the rows (M, length).
    """
    lengths = np.array([
        len(values) if isinstance(values, list) else -1 for values in lists
    ], dtype=np.int64)
    table = np.full((len(lists), length), np.nan)
    places = np.flatnonzero(lengths == length)
    try:
        numbers = np.array([lists[n] for n in places], dtype=np.float64)
    except (TypeError, ValueError, OverflowError):  # find out which
        for n in places:
            values = as_numbers(lists[n])
            if values is None:
                lengths[n] = -1
            else:
                table[n] = values
    else:
        table[places] = numbers.reshape(len(places), length)
    return lengths, table


def joint_columns(annotations: List[dict], num_keypoints: int) -> tuple:
    """Numbers of joints (M, ), and joints (M, K, 3), see :class:`Table`."""
    lengths, table = rows([ann.get('keypoints') for ann in annotations],
                          3 * num_keypoints)
    num_joints = np.where(lengths % 3 == 0, lengths // 3, -1)
    return num_joints, table.reshape(len(lengths), num_keypoints, 3)


def common_num_joints(annotations: List[dict]) -> int:
    """How many joints most annotations have, 0 if none has any."""
    lengths = Counter(
        len(ann['keypoints']) // 3 for ann in annotations
        if isinstance(ann.get('keypoints'), list))
    return lengths.most_common(1)[0][0] if lengths else 0
