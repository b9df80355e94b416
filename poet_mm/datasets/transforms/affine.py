"""Move an image and its annotations by one affine matrix.

Coordinates are continuous pixels (x, y): an image of (w, h) pixels covers
[0, w] x [0, h], the pixel of column i and row j has its centre at
(i + 0.5, j + 0.5), and a resize by s moves a keypoint from x to s * x, as in
MMPose. A move is a (2, 3) matrix from input to output pixels and an output
size (w, h).
MMPose's ``RandomFlip`` counts pixels instead and maps x to w - 1 - x: after a
flip, keypoints are one pixel of the original image off these coordinates.

N: number of people, K: number of keypoints.
"""

import math
from contextlib import contextmanager
from typing import Sequence, Tuple

import cv2
import numpy as np

Size = Tuple[int, int]

# ImageNet's mean colour in BGR. Normalisation makes it 0, the value with which
# the data preprocessor pads: all outside of the image looks the same.
MEAN_BGR = (104, 116, 124)

# Fields with one entry per person, which one index filters together.
PERSON_KEYS = (
    'keypoints',
    'keypoints_visible',
    'bbox',
    'bbox_score',
    'area',
    'iscrowd',
    'num_keypoints',
    'category_id',
    'id',
    'segmentation',
    'raw_ann_info',
)


def select_people(sample: dict, index: np.ndarray) -> dict:
    """Return the fields of some people: those of all that have N entries."""
    found = {}
    for key in PERSON_KEYS:
        values = sample.get(key)
        if not isinstance(values, (np.ndarray, list)):
            continue
        if len(values) != len(sample['keypoints']):
            continue
        is_array = isinstance(values, np.ndarray)
        found[key] = values[index] if is_array else [values[n] for n in index]
    return found


def compose(after: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Return the matrix (2, 3) of move ``before``, then move ``after``."""
    matrix = after[:, :2] @ before
    matrix[:, 2] += after[:, 2]
    return matrix


def move_points(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Return moved points (..., 2) in pixels, as float32."""
    return (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)


def move_boxes(boxes: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Return axis-aligned boxes around the moved corners of boxes.

    Args:
        boxes (np.ndarray): (N, 4), x1, y1, x2, y2 in pixels.
        matrix (np.ndarray): (2, 3), input to output pixels.

    Returns:
        np.ndarray: (N, 4), x1, y1, x2, y2 in output pixels, not clipped.
    """
    corners = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)
    corners = move_points(corners, matrix)  # (N, 4, 2)
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)


def box_areas(boxes: np.ndarray) -> np.ndarray:
    """Return areas (N,) of boxes (N, 4) in square pixels, 0 if degenerate."""
    return np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1)


def input_window(
    matrix: np.ndarray, size: Size
) -> Tuple[np.ndarray, np.ndarray]:
    """Return the window of the original image that the input image shows.

    MMPose maps predictions back by ``xy / input_size * input_scale +
    input_center - 0.5 * input_scale``. This undoes a resize and a crop, but
    only scale and centre of a rotation.

    Args:
        matrix (np.ndarray): (2, 3), original to input pixels.
        size (tuple[int, int]): (w, h) of the input image.

    Returns:
        tuple[np.ndarray, np.ndarray]: ``input_center`` and ``input_scale``,
        (2,) each, x and y in pixels of the original image.
    """
    inverse = cv2.invertAffineTransform(matrix)
    center = inverse[:, :2] @ np.multiply(size, 0.5) + inverse[:, 2]
    scale = np.linalg.norm(inverse[:, :2], axis=0) * size
    return center.astype(np.float32), scale.astype(np.float32)


def move_people(results: dict, matrix: np.ndarray, size: Size) -> None:
    """Move all people of a sample, and drop those outside of the image.

    1. Keypoints move; outside of the image their v becomes 0.
    2. Boxes become the box around their moved corners, cut at the image.
    3. Areas are multiplied by ``|det|`` and the share of the box that stays.
    4. A person is dropped if no labelled keypoint is left in the image, a
       crowd or a person without labelled keypoints if no part of the box is.
    5. Every per-person field is filtered with one index. ``segmentation``
       and ``raw_ann_info`` keep the pixels of the original image.

    Args:
        results (dict): Sample with ``keypoints`` (N, K, 2),
            ``keypoints_visible`` (N, K) and ``bbox`` (N, 4), changed in
            place; its arrays are replaced, never written to.
        matrix (np.ndarray): (2, 3), input to output pixels.
        size (tuple[int, int]): Output size (w, h).
    """
    had_keypoints = (results['keypoints_visible'] > 0).any(axis=1)
    N = len(had_keypoints)

    # 1. Keypoints
    keypoints = move_points(results['keypoints'], matrix)
    inside = ((keypoints >= 0) & (keypoints <= size)).all(axis=2)
    visible = results['keypoints_visible'] * inside  # (N, K)

    # 2. Boxes
    moved = move_boxes(results['bbox'], matrix)
    bbox = np.clip(moved, 0, (*size, *size)).astype(np.float32)

    # 3. Areas; a box without extent has no share
    whole, rest = box_areas(moved), box_areas(bbox)
    share = np.where(whole > 0, rest / np.maximum(whole, 1e-6), 1)
    (a, b, _), (c, d, _) = matrix.tolist()
    growth = abs(a * d - b * c) * share

    results.update(keypoints=keypoints, keypoints_visible=visible, bbox=bbox)
    if 'area' in results:
        results['area'] = (results['area'] * growth).astype(np.float32)
    if 'num_keypoints' in results:
        results['num_keypoints'] = (visible > 0).sum(axis=1)

    # 4. People in the image
    crowd = np.asarray(results.get('iscrowd', np.zeros(N)), dtype=bool)
    stays = np.where(
        had_keypoints & ~crowd, (visible > 0).any(axis=1), rest > 0
    )
    if stays.all():
        return

    # 5. One index
    results.update(select_people(results, np.flatnonzero(stays)))


def move_annotations(results: dict, matrix: np.ndarray, size: Size) -> None:
    """Move the annotations of an image, not its pixels.

    Sets ``img_shape`` (h, w), ``input_size`` (w, h), ``input_center`` and
    ``input_scale`` (:func:`input_window`), and ``warp_mat`` (2, 3), from the
    pixels of the original image (after a flip, which MMPose does not record)
    to those of the input. Samples without people's fields, as in
    inference, are allowed.

    Args:
        results (dict): Sample, changed in place.
        matrix (np.ndarray): (2, 3), input to output pixels.
        size (tuple[int, int]): Output size (w, h).
    """
    warp_mat = compose(matrix, results.get('warp_mat', np.eye(2, 3)))
    center, scale = input_window(warp_mat, size)
    results.update(
        img_shape=size[::-1],
        input_size=size,
        input_center=center,
        input_scale=scale,
        warp_mat=warp_mat,
    )
    if results.get('keypoints') is not None:
        move_people(results, matrix, size)


def is_window(matrix: np.ndarray, image_size: Size, size: Size) -> bool:
    """Return whether a move only crops whole pixels of the image."""
    (a, b, x), (c, d, y) = matrix.tolist()
    return (
        a == d == 1
        and b == c == 0
        and x % 1 == y % 1 == 0
        and 0 <= -x <= image_size[0] - size[0]
        and 0 <= -y <= image_size[1] - size[1]
    )


def is_resize(matrix: np.ndarray, image_size: Size, size: Size) -> bool:
    """Return whether a move resizes the whole image to the whole output."""
    (a, b, x), (c, d, y) = matrix.tolist()
    return (
        b == c == x == y == 0
        and math.isclose(a, size[0] / image_size[0])
        and math.isclose(d, size[1] / image_size[1])
    )


def forward_rows(image: np.ndarray) -> np.ndarray:
    """Return the image with its rows stored from left to right.

    MMPose flips an image by a view with a negative stride. cv2 would copy it
    pixel by pixel: 1.1 ms for 640 x 480 pixels, 0.04 ms here.
    """
    if image.strides[1] < 0:
        flipped = cv2.flip(image[:, ::-1], 1)
        return flipped.reshape(image.shape)  # cv2 drops one channel
    return image


@contextmanager
def exact_warps():
    """Let cv2 warp with Intel's IPP if it was built with it (x86).

    cv2 calls IPP "not exact" because it differs from cv2's own code. But that
    code rounds positions to 1/32 pixel and is up to 7 of 255 off in noise. IPP
    interpolates to the last digit and takes half the time.
    """
    before = cv2.ipp.useIPP_NotExact()
    cv2.ipp.setUseIPP_NotExact(True)
    try:
        yield
    finally:
        cv2.ipp.setUseIPP_NotExact(before)


def warp_image(
    image: np.ndarray,
    matrix: np.ndarray,
    size: Size,
    fill: Sequence[int] = MEAN_BGR,
) -> np.ndarray:
    """Return the moved pixels of an image.

    A crop of whole pixels is a view, a plain resize is ``cv2.resize``, and all
    else is ``cv2.warpAffine``.

    Args:
        image (np.ndarray): (h, w) or (h, w, channels).
        matrix (np.ndarray): (2, 3), input to output pixels.
        size (tuple[int, int]): Output size (w, h).
        fill (sequence[int]): Colour outside of the image, one number per
            channel. Defaults to :data:`MEAN_BGR`.

    Returns:
        np.ndarray: (h, w) or (h, w, channels) of the new size.
    """
    w, h = size
    image_size = image.shape[1::-1]
    if is_window(matrix, image_size, size):
        x, y = -matrix[:, 2].astype(int)
        return image[y : y + h, x : x + w]
    image = forward_rows(image)
    if is_resize(matrix, image_size, size):
        moved = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
    else:
        # cv2 has (0, 0) at the centre of the first pixel, here it is at the
        # corner: without this half pixel an enlarged image would be shifted.
        of_centres = matrix.copy()
        of_centres[:, 2] += matrix[:, :2].sum(axis=1) / 2 - 0.5
        with exact_warps():
            moved = cv2.warpAffine(
                image,
                of_centres,
                size,
                flags=cv2.INTER_LINEAR,
                borderValue=fill,
            )
    return moved.reshape(h, w, *image.shape[2:])  # cv2 drops one channel
