"""Drop rectangles of the image, and leave the labels as they are.

The distribution is that of imgaug's ``CoarseDropout``, which the authors'
release of POET uses. The rectangles are the cells of a coarse grid, whose
resolution is a share of that of the image.
"""

from typing import Tuple

import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS

# imgaug's smallest number of cells along a side; with fewer, a small image
# could be dropped as a whole.
MIN_CELLS = 3
DROPPED = (0.05, 0.2)  # range of the share of cells to drop


def drop_cells(image: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """Return an image with cells of a coarse grid set to 0.

    Args:
        image (np.ndarray): (h, w, channels) or (h, w).
        keep (np.ndarray): (rows, columns, channels), 1 to keep, 0 to drop.

    Returns:
        np.ndarray: New image, same shape and type.
    """
    h, w = image.shape[:2]
    rows, columns = keep.shape[:2]
    tops = -(np.arange(rows + 1) * -h // rows)  # (rows + 1, ), of the cells
    keep = keep[:, np.arange(w) * columns // w].reshape(rows, *image.shape[1:])
    keep = keep.astype(image.dtype, order='C')  # else numpy multiplies slowly
    dropped = np.empty_like(image)
    for row in range(rows):
        pixels = slice(tops[row], tops[row + 1])
        np.multiply(image[pixels], keep[row], out=dropped[pixels])
    return dropped


@TRANSFORMS.register_module()
class CoarseDropout(BaseTransform):
    """Drop the cells of a coarse grid, all drawn in one pass per image.

    Args:
        prob (float): Probability to drop anything at all. Defaults to 0.5.
        size (tuple[float, float]): Range of the number of cells along a side,
            as a share of its pixels: 0.02 makes cells of 50 pixels, in an
            image of at least 150. Defaults to (0.015, 0.03).
        per_channel (float): Probability to draw each channel on its own.
            Defaults to 0.5.
    """

    def __init__(
        self,
        prob: float = 0.5,
        size: Tuple[float, float] = (0.015, 0.03),
        per_channel: float = 0.5,
    ) -> None:
        self.prob = prob
        self.size = size
        self.per_channel = per_channel

    def draw(self, shape: Tuple[int, ...]) -> np.ndarray:
        """Draw the cells to keep, (rows, columns, channels), for an image of
        shape (h, w, channels) or (h, w).
        """
        h, w, channels = (*shape, 1)[:3]
        cells = np.random.uniform(*self.size, size=2) * (h, w)
        rows, columns = np.maximum(cells.astype(int), MIN_CELLS)
        drawn = channels if np.random.rand() < self.per_channel else 1
        keep = np.random.rand(rows, columns, drawn) >= np.random.uniform(
            *DROPPED
        )
        return np.broadcast_to(keep, (rows, columns, channels))

    def transform(self, results: dict) -> dict:
        """Drop cells of ``img``."""
        if np.random.rand() < self.prob:
            image = results['img']
            results['img'] = drop_cells(image, self.draw(image.shape))
        return results
