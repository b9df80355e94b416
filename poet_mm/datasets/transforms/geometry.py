"""Rotate, crop and resize to any size, with one warp of the pixels.

Every transform draws one affine matrix. Alone it moves annotations and pixels
at once; inside :class:`WarpOnce` the matrices are multiplied and the pixels
move at the end. Sizes follow DETR's ``RandomSizeCrop`` and ``RandomResize``;
different from there, a long edge never exceeds ``max_size`` by rounding, and
crops larger than the image shrink to it.

Flip with MMPose's ``RandomFlip``, before any of these.
"""

from typing import List, Optional, Sequence, Tuple, Union

import cv2
import numpy as np
from mmcv.transforms import BaseTransform, Compose
from mmpose.registry import TRANSFORMS

from ...errors import DataFault
from ..rules import MAX_SIDE
from .affine import Size, compose, move_annotations, warp_image

# The key of the matrix that is not applied to the pixels yet.
PENDING = 'pending_warp'


def short_edge_size(
    size: Size, short_edge: int, max_size: Optional[int] = None
) -> Size:
    """Return the size with this short edge and a limited long edge.

    Args:
        size (tuple[int, int]): (w, h) in pixels.
        short_edge (int): Wanted length of the short edge in pixels.
        max_size (int, optional): Limit of the long edge in pixels, which
            then makes the short edge shorter. Defaults to ``None``.

    Returns:
        tuple[int, int]: (w, h), at least 1 x 1: the short edge rounded, the
        long edge rounded down, as in DETR.
    """
    short, long = sorted(size)
    max_size = max_size or np.inf
    if short_edge * long > max_size * short:
        short_edge = max(1, round(max_size * short / long))
    long_edge = int(min(short_edge * long / short, max_size))
    if size[0] < size[1]:
        return short_edge, long_edge
    return long_edge, short_edge


def move_pixels(results: dict, matrix: np.ndarray, size: Size) -> None:
    """Apply :func:`warp_image` to a sample.

    Raises:
        DataFault: The image is too large for cv2.
    """
    image = results['img']
    try:
        results['img'] = warp_image(image, matrix, size)
    except cv2.error as error:
        h, w = image.shape[:2]
        raise DataFault(
            f'Image {results.get("img_path")!r} of {w} x {h} pixels cannot be '
            f'moved to {size[0]} x {size[1]} pixels. cv2 takes at most '
            f'{MAX_SIDE:,} along a side: make it smaller, and its '
            'annotations.'
        ) from error


class AffineTransform(BaseTransform):
    """Move an image and its annotations by one affine matrix.

    Subclasses draw the matrix in :meth:`draw`; :func:`move_annotations` and
    :func:`move_people` describe the fields of a sample.
    """

    def draw(self, size: Size) -> Tuple[np.ndarray, Size]:
        """Draw a move for an image of a size.

        Args:
            size (tuple[int, int]): (w, h) in pixels.

        Returns:
            tuple[np.ndarray, tuple[int, int]]: Matrix (2, 3) from input to
            output pixels, and output size (w, h).
        """
        raise NotImplementedError

    def transform(self, results: dict) -> dict:
        """Move annotations now, pixels now or when :class:`WarpOnce` ends."""
        h, w = results['img_shape'][:2]
        matrix, size = self.draw((w, h))
        move_annotations(results, matrix, size)
        if PENDING in results:
            results[PENDING] = compose(matrix, results[PENDING])
        else:
            move_pixels(results, matrix, size)
        return results


# Workaround (mmpose<=1.3.2): after a fixed-size transform that is not square,
# `RandomFlip` flips about the wrong edge (it reads input_size as (h, w)), so
# it comes before these.
@TRANSFORMS.register_module()
class RandomRotation(AffineTransform):
    """Rotate about the centre of the image, and keep its size.

    Args:
        prob (float): Probability to rotate. Defaults to 0.5.
        max_degrees (float): The angle is uniform in [-max_degrees,
            max_degrees]. Defaults to 25.
    """

    def __init__(self, prob: float = 0.5, max_degrees: float = 25) -> None:
        self.prob = prob
        self.max_degrees = max_degrees

    def draw(self, size: Size) -> Tuple[np.ndarray, Size]:
        """Return the matrix of a random rotation, or the identity."""
        if np.random.rand() >= self.prob:
            return np.eye(2, 3), size
        degrees = np.random.uniform(-self.max_degrees, self.max_degrees)
        middle = (size[0] / 2, size[1] / 2)
        return cv2.getRotationMatrix2D(middle, degrees, 1.0), size


@TRANSFORMS.register_module()
class RandomAffine(AffineTransform):
    """Rotate, scale and shift into a canvas of one size, for heatmaps.

    This is MMPose 0.x's augmentation for associative embedding. It cuts out a
    window with the aspect ratio of the canvas. At scale 1 the window is as
    large as fits into the image, at scale 1.5 it is 1.5 times as large.

    Args:
        size (tuple[int, int]): (w, h) of the canvas in pixels.
        max_degrees (float): The angle is uniform in [-max_degrees,
            max_degrees]. Defaults to 30.
        scale (tuple[float, float]): Range of the size of the window. Defaults
            to (0.75, 1.5).
        max_shift (float): Largest shift of the centre of the window, as a
            share of width and height of the image. Defaults to 0.2.
    """

    def __init__(
        self,
        size: Size,
        max_degrees: float = 30,
        scale: Tuple[float, float] = (0.75, 1.5),
        max_shift: float = 0.2,
    ) -> None:
        if not 0 < scale[0] <= scale[1]:
            raise ValueError(f'scale is {scale}, expected 0 < low <= high.')
        self.size = tuple(size)
        self.max_degrees = max_degrees
        self.scale = scale
        self.max_shift = max_shift

    def draw(self, size: Size) -> Tuple[np.ndarray, Size]:
        """Return the matrix from the window to the canvas."""
        shift = np.random.uniform(-self.max_shift, self.max_shift, 2)
        middle = (0.5 + shift) * size
        degrees = np.random.uniform(-self.max_degrees, self.max_degrees)
        zoom = np.divide(self.size, size).max() / np.random.uniform(
            *self.scale
        )
        matrix = cv2.getRotationMatrix2D(tuple(middle), degrees, zoom)
        matrix[:, 2] += np.multiply(self.size, 0.5) - middle
        return matrix, self.size


# Workaround (mmpose<=1.3.2): `BottomupRandomCrop` raises a ValueError as soon
# as an image has two people.
@TRANSFORMS.register_module()
class RandomSizeCrop(AffineTransform):
    """Crop a window of random size at a random place.

    Each side is uniform in {min_size..max_size} pixels, limited by the image:
    along a side not longer than ``min_size`` the window is the whole image.

    Args:
        min_size (int): Shortest side of the window in pixels.
        max_size (int): Longest side of the window in pixels.
    """

    def __init__(self, min_size: int, max_size: int) -> None:
        if not 0 < min_size <= max_size:
            raise ValueError(
                f'min_size is {min_size}, max_size {max_size}, '
                'expected 0 < min_size <= max_size.'
            )
        self.min_size = min_size
        self.max_size = max_size

    def draw(self, size: Size) -> Tuple[np.ndarray, Size]:
        """Return the matrix that moves a random window to the origin."""
        sides, matrix = [], np.eye(2, 3)
        for axis, length in enumerate(size):
            longest = min(length, self.max_size)
            shortest = min(length, self.min_size)
            side = np.random.randint(shortest, longest + 1)
            matrix[axis, 2] = -np.random.randint(length - side + 1)
            sides.append(side)
        return matrix, tuple(sides)


# Workaround (mmpose<=1.3.2): `BottomupRandomChoiceResize` writes input_size as
# (h, w), reads ori_shape as (w, h) and leaves `area` as it was.
@TRANSFORMS.register_module()
class ShortEdgeResize(AffineTransform):
    """Resize to a short edge, keeping the aspect ratio up to rounding.

    Args:
        short_edges (int | sequence[int]): Length of the short edge in pixels,
            or several lengths; one is drawn for every image.
        max_size (int, optional): Limit of the long edge in pixels. Defaults
            to ``None``, no limit.
    """

    def __init__(
        self,
        short_edges: Union[int, Sequence[int]],
        max_size: Optional[int] = None,
    ) -> None:
        self.short_edges: List[int] = np.atleast_1d(short_edges).tolist()
        self.max_size = max_size
        if min(self.short_edges) < 1 or (max_size or 1) < 1:
            raise ValueError(
                f'short_edges is {short_edges}, max_size '
                f'{max_size}, expected at least 1 pixel.'
            )

    def draw(self, size: Size) -> Tuple[np.ndarray, Size]:
        """Return the matrix that scales x and y exactly to the new size."""
        short_edge = int(np.random.choice(self.short_edges))
        new_size = short_edge_size(size, short_edge, self.max_size)
        matrix = np.zeros((2, 3))
        matrix[[0, 1], [0, 1]] = np.divide(new_size, size)
        return matrix, new_size


@TRANSFORMS.register_module()
class WarpOnce(BaseTransform):
    """Apply geometric transforms with one warp of the pixels.

    The annotations move with each transform, the pixels at the end by the
    product of the matrices. ``transforms`` may hold
    :class:`AffineTransform` s and wrappers of them, such as mmcv's
    ``RandomChoice`` or :class:`SameInBatch`, but nothing else that changes
    pixels.

    Args:
        transforms (list[dict]): Transforms, applied in order.
    """

    def __init__(self, transforms: List[dict]) -> None:
        self.transforms = Compose(transforms)

    def transform(self, results: dict) -> dict:
        """Collect the matrices, then move the pixels."""
        results[PENDING] = np.eye(2, 3)
        results = self.transforms(results)
        matrix = results.pop(PENDING)
        h, w = results['img_shape']
        move_pixels(results, matrix, (w, h))
        return results
