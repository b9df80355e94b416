"""Read an annotation file into columns of numbers, also if it is damaged.

I: number of images, M: number of annotations, K: number of keypoints.
"""

import math
from functools import cached_property
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np


def is_number(value: Any) -> bool:
    """Return whether a JSON value is a finite number."""
    try:
        return (
            isinstance(value, (int, float))
            and not isinstance(value, bool)
            and math.isfinite(value)
        )
    except OverflowError:  # an integer of hundreds of digits
        return False


def as_key(value: Any) -> Any:
    """Return a JSON value in a form that a dict takes as a key."""
    return repr(value) if isinstance(value, (dict, list)) else value


def each(entries: List[dict], test: Callable[[Any], bool]) -> np.ndarray:
    """Return the entries that pass a test, bool (len(entries), )."""
    return np.array([test(entry) for entry in entries], dtype=bool)


def first_index(entries: List[dict], key: str) -> Dict[Any, int]:
    """Return the index of the first entry with each value of a key."""
    first = {}
    for n, entry in enumerate(entries):
        first.setdefault(as_key(entry.get(key)), n)
    return first


def column(entries: List[dict], key: str) -> np.ndarray:
    """Return the values (len(entries), ) of a key, NaN if not a number."""
    values = [entry.get(key) for entry in entries]
    return np.array(
        [value if is_number(value) else np.nan for value in values],
        dtype=np.float64,
    )


def rows(lists: list, length: int) -> Tuple[np.ndarray, np.ndarray]:
    """Return lists of numbers as rows of one length, null as NaN.

    Returns:
        tuple: The length of each list (M, ), -1 if it is not a list of
        numbers; the rows (M, length), NaN if the length differs.
    """
    lengths = np.full(len(lists), -1)
    table = np.full((len(lists), length), np.nan)
    for n, values in enumerate(lists):
        if isinstance(values, list) and len(values) != length:
            lengths[n] = len(values)
        elif isinstance(values, list):
            try:
                numbers = np.array(values)
                if numbers.dtype.kind != 'U':  # NumPy would convert text
                    table[n] = numbers.astype(np.float64).reshape(length)
                    lengths[n] = length
            except (TypeError, ValueError, OverflowError):
                continue
    return lengths, table


def distance_outside(points: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Return the distance of points from images in pixels, 0 inside.

    Args:
        points (np.ndarray): (..., 2), x, y in pixels.
        size (np.ndarray): (..., 2), width and height in pixels.

    Returns:
        np.ndarray: (...), the larger of the distances along x and y.
    """
    return np.maximum(np.maximum(-points, points - size), 0).max(axis=-1)


def numbered_names(count: int) -> List[str]:
    """Return names for keypoints of which only the number is known."""
    return [f'keypoint {k}' for k in range(count)]


class Table:
    """Hold an annotation file as columns, made when a rule needs them.

    Values that are not finite numbers are NaN.

    Args:
        content (dict): From ``read_annotations``.
        keypoint_names (list[str]): Names of the K expected keypoints.
        file_names (list[str], optional): Names of the keypoints in the file.
        num_queries (int): Queries of the model, the largest number of people
            that it finds in an image. Defaults to 25, the paper's.
    """

    def __init__(
        self,
        content: dict,
        keypoint_names: List[str],
        file_names: Optional[List[str]] = None,
        num_queries: int = 25,
    ) -> None:
        self.images: List[dict] = content['images']
        self.annotations: List[dict] = content['annotations']
        self.categories: List[dict] = content.get('categories', [])
        self.keypoint_names = keypoint_names
        self.file_names = file_names
        self.num_queries = num_queries
        lengths, numbers = rows(
            [ann.get('keypoints') for ann in self.annotations],
            3 * len(keypoint_names),
        )
        # (M, ), -1: not a list of x, y, v, x, y, v, ...
        self.counts = np.where(lengths % 3 == 0, lengths // 3, -1)
        self.fits = self.counts == len(keypoint_names)  # (M, )
        # (M, K, 3), x, y, v; NaN where the number of keypoints is not K
        self.keypoints = numbers.reshape(len(lengths), len(keypoint_names), 3)
        self.v = self.keypoints[..., 2]  # (M, K)
        self.labelled = self.v > 0  # (M, K)

    @cached_property
    def sizes(self) -> np.ndarray:
        """Return width and height (I, 2) in pixels, NaN if one is below 1."""
        sizes = np.stack(
            [column(self.images, key) for key in ('width', 'height')], axis=1
        )
        return np.where((sizes >= 1).all(axis=1, keepdims=True), sizes, np.nan)

    @cached_property
    def image_of(self) -> np.ndarray:
        """Return the index (M, ) of an annotation's image, -1 if missing."""
        index = first_index(self.images, 'id')
        return np.array(
            [
                index.get(as_key(ann.get('image_id')), -1)
                for ann in self.annotations
            ],
            dtype=np.int64,
        )

    @cached_property
    def size_of(self) -> np.ndarray:
        """Return the size (M, 2) of the image of each annotation."""
        return np.vstack([self.sizes, [np.nan, np.nan]])[self.image_of]

    @cached_property
    def bbox(self) -> np.ndarray:
        """Return x, y, width, height (M, 4) in pixels."""
        return rows([ann.get('bbox') for ann in self.annotations], 4)[1]

    @cached_property
    def area(self) -> np.ndarray:
        """Return areas (M, ) in square pixels."""
        return column(self.annotations, 'area')

    @cached_property
    def num_keypoints(self) -> np.ndarray:
        """Return ``num_keypoints`` (M, ) of the file."""
        return column(self.annotations, 'num_keypoints')

    @cached_property
    def iscrowd(self) -> np.ndarray:
        """Return ``iscrowd`` (M, ), 0 if missing, NaN if not 0 or 1."""
        values = [ann.get('iscrowd', 0) for ann in self.annotations]
        return np.array([v if v in (0, 1) else np.nan for v in values], float)

    @cached_property
    def has_pose(self) -> np.ndarray:
        """Return the annotations (M, ) that the data set uses."""
        return each(self.annotations, has_pose)

    @cached_property
    def is_person(self) -> np.ndarray:
        """Return the annotations (M, ) of a person, not a crowd."""
        return self.has_pose & (self.iscrowd != 1)

    @cached_property
    def people_of_image(self) -> np.ndarray:
        """Return the number of people (I, ) of each image."""
        image_of = self.image_of[self.is_person & (self.image_of >= 0)]
        return np.bincount(image_of, minlength=len(self.images))

    @cached_property
    def outside(self) -> np.ndarray:
        """Return the distance (M, K) of labelled keypoints from their image.

        It is in pixels, 0 inside and if the size of the image is unknown.
        """
        distance = distance_outside(
            self.keypoints[..., :2], self.size_of[:, None]
        )
        return np.where(self.labelled & (distance > 0), distance, 0)


def has_pose(ann: dict) -> bool:
    """Return whether an annotation has a box and keypoints."""
    return 'bbox' in ann and 'keypoints' in ann
