"""Data that cannot be right: found before they are learned from, and named.

What is only unusual is told by ``tools/check_dataset.py``.
K: number of keypoints of the skeleton.
"""
import math
from typing import Optional, Tuple

import numpy as np

from ..errors import DataFault

# cv2 cannot rotate or crop images with a longer side.
MAX_SIDE = 2**15 - 2


def is_number(value, low: float = -np.inf) -> bool:
    """Whether a value of a JSON file is a finite number of at least ``low``.
    """
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value) and value >= low
    except OverflowError:  # an integer of hundreds of digits
        return False


def as_numbers(values) -> Optional[np.ndarray]:
    """A list of numbers as float64, None if it is none; null becomes NaN."""
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return None
    return numbers if numbers.ndim == 1 else None


def check_image(image: dict) -> None:
    """Raise a DataFault unless an entry of ``images`` can be used."""
    name = f"Image {image.get('id')!r} ({image.get('file_name')!r})"
    if not isinstance(image.get('id'), int):
        raise DataFault(f'{name}: its id must be an integer.')
    if not isinstance(image.get('file_name'), str) or not image['file_name']:
        raise DataFault(f'{name}: its file_name must be the name of a file.')
    for key in ('width', 'height'):
        if key in image and not is_number(image[key], low=1):
            raise DataFault(f'{name}: {key} is {image[key]!r}, expected at '
                            'least 1 pixel.')


def check_annotation(ann: dict, image: dict, num_keypoints: int) -> None:
    """Raise a DataFault unless an annotation can be learned from.

    Args:
        ann (dict): Entry of ``annotations`` with ``bbox`` and ``keypoints``.
        image (dict): Entry of ``images`` that it belongs to.
        num_keypoints (int): K of the metainfo.
    """
    name = f"Annotation {ann.get('id')} of image {ann.get('image_id')}"
    for key in ('id', 'category_id'):
        if not isinstance(ann.get(key), int):
            raise DataFault(f'{name}: {key} is {ann.get(key)!r}, expected an '
                            'integer.')
    if ann.get('iscrowd', 0) not in (0, 1):
        raise DataFault(f"{name}: iscrowd is {ann['iscrowd']!r}, expected 0 "
                        'or 1.')
    if 'width' not in image or 'height' not in image:
        raise DataFault(f'{name}: its image has no width and height.')
    bbox = as_numbers(ann['bbox'])
    if bbox is None or bbox.shape != (4, ) or not np.isfinite(bbox).all():
        raise DataFault(f"{name}: bbox is {ann['bbox']}, expected four finite "
                        'numbers x, y, w, h.')
    if 'area' in ann and not is_number(ann['area'], low=0):
        raise DataFault(f"{name}: area is {ann['area']!r}, expected square "
                        'pixels.')
    check_joints(name, ann['keypoints'], (image['width'], image['height']),
                 num_keypoints)


def check_joints(name: str, keypoints: list, size: Tuple[float, float],
                 num_keypoints: int) -> None:
    """Raise a DataFault unless joints are finite x, y, v near the image.

    Args:
        name (str): Of the annotation.
        keypoints (list[float]): x, y, v of each of the K joints.
        size (tuple): Width and height of the image.
        num_keypoints (int): K of the metainfo.
    """
    numbers = as_numbers(keypoints)
    if numbers is None:
        raise DataFault(f'{name}: keypoints are {str(keypoints)[:80]}, '
                        'expected one list of numbers x, y, v, x, y, v, ...')
    if len(numbers) != 3 * num_keypoints:
        joints = f'{len(numbers)} numbers, not triplets of x, y, v'
        if len(numbers) % 3 == 0:
            joints = f'{len(numbers) // 3} joints ({len(numbers)} numbers)'
        raise DataFault(
            f'{name}: data has {joints}, metainfo {num_keypoints} joints '
            f'({3 * num_keypoints} numbers). Is `metainfo` that of this '
            'skeleton?')
    joints = numbers.reshape(-1, 3)  # (K, 3)
    finite = np.isfinite(joints).all(axis=1)
    if not finite.all():
        k = int(np.argmin(finite))
        raise DataFault(f'{name}: joint {k} is {keypoints[3 * k:3 * k + 3]}, '
                        'expected finite x, y, v.')
    unknown = set(joints[:, 2]) - {0, 1, 2}
    if unknown:
        raise DataFault(f'{name}: visibility {sorted(unknown)}, expected '
                        '0 (not labelled), 1 (hidden) or 2 (visible).')
    distance = distance_outside(joints[:, :2], np.asarray(size))
    distance = np.where(joints[:, 2] > 0, distance, 0)  # (K, )
    if (distance > max(size)).any():
        k = int(distance.argmax())
        raise DataFault(
            f'{name}: joint {k} at {joints[k, :2].tolist()} lies '
            f'{distance[k]:,.0f} pixels outside of its image of '
            f'{size[0]} x {size[1]}.')


def distance_outside(points: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Pixels that points (..., 2) lie outside of images (..., 2), along the
    axis where it is more; 0 inside."""
    return np.maximum(np.maximum(-points, points - size), 0).max(axis=-1)
