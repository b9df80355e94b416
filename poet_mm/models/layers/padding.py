"""Where the images of a batch end, in pixels and in cells of a feature map.

Letters: B images, C channels, H x W cells.
"""
from typing import List, NamedTuple, Optional, Tuple

import torch
from torch import Tensor


class Extents(NamedTuple):
    """``sizes`` (B, 2), height and width of every image, of the ``total``
    height and width that all were padded to; in pixels."""
    sizes: Tensor
    total: Tuple[int, int]

    def mask(self, feat: Tensor) -> Tensor:
        """Where a feature map (B, C, H, W) shows only padding: (B, H, W),
        True at cells whose upper left pixel lies beyond the image."""
        beyond = []
        for axis, cells in enumerate(feat.shape[-2:]):
            pixels = cell_pixels(cells, self.total[axis], self.sizes)
            beyond.append(pixels >= self.sizes[:, axis, None])  # (B, cells)
        return beyond[0][:, :, None] | beyond[1][:, None, :]  # (B, H, W)

    def shares(self) -> Tensor:
        """How much each image has of the width and of the height, (B, 2).

        Of a feature map too: an image that ends within a cell has a part of
        it. That is exact where the total is a multiple of the stride
        (``pad_size_divisor``); else the last cell counts as whole, and places
        are off by up to the part that is missing.
        """
        height, width = self.total
        return torch.stack(
            (self.sizes[:, 1] / width, self.sizes[:, 0] / height), -1)

    def filled(self, feat: Tensor) -> Tensor:
        """How much each image has of the width and height of its own cells of
        a feature map (B, C, H, W), the last ones whole: (B, 2), less than 1
        where it ends within a cell."""
        mask = self.mask(feat)
        width, height = (~mask[:, 0]).sum(1), (~mask[:, :, 0]).sum(1)
        cells = torch.stack(
            (width / feat.shape[-1], height / feat.shape[-2]), -1)
        return self.shares() / cells


def image_extents(data_samples: Optional[List],
                  device: torch.device) -> Optional[Extents]:
    """Extents of images with ``img_shape`` and ``batch_input_shape`` (height,
    width) in pixels; None if none is padded."""
    if data_samples is None:
        return None
    total = tuple(data_samples[0].metainfo['batch_input_shape'])
    sizes = [sample.metainfo['img_shape'][:2] for sample in data_samples]
    if all(tuple(size) == total for size in sizes):
        return None
    sizes = torch.tensor(sizes).to(device, non_blocking=True)
    return Extents(sizes, total)


def cell_pixels(cells: int, total: int, like: Tensor) -> Tensor:
    """The first pixel (cells, ) of each of the cells along an axis of
    ``total`` pixels: nearest-neighbour sampling, in whole numbers."""
    return torch.arange(cells, device=like.device) * total // cells


def padding_mask(data_samples: Optional[List],
                 feat: Tensor) -> Optional[Tensor]:
    """See :meth:`Extents.mask`; None if there is no padding."""
    extents = image_extents(data_samples, feat.device)
    return None if extents is None else extents.mask(feat)
