"""Drop rectangles of the image, without a change of the labels.

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
SIZE = (0.015, 0.03)  # range of the number of cells per pixel of a side
PER_CHANNEL = 0.5  # probability to draw each channel separately


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
    keep = keep[:, np.arange(w) * columns // w]  # (rows, w, channels)
    keep = keep.astype(image.dtype).reshape(rows, -1)  # (rows, w * channels)
    keep = keep[np.arange(h) * rows // h]  # (h, w * channels)
    keep = keep.reshape(image.shape)
    return np.multiply(image, keep, out=keep)


@TRANSFORMS.register_module()
class CoarseDropout(BaseTransform):
    """Drop cells of a coarse grid, with a size drawn for each image.

    Args:
        prob (float): Probability to drop cells. Defaults to 0.5.
    """

    def __init__(self, prob: float = 0.5) -> None:
        self.prob = prob

    def draw(self, shape: Tuple[int, ...]) -> np.ndarray:
        """Draw the cells to keep, (rows, columns, channels).

        Args:
            shape (tuple[int]): (h, w, channels) or (h, w) of the image.
        """
        h, w, channels = (*shape, 1)[:3]
        cells = np.random.uniform(*SIZE, size=2) * (h, w)
        rows, columns = np.maximum(cells.astype(int), MIN_CELLS)
        drawn = channels if np.random.rand() < PER_CHANNEL else 1
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
