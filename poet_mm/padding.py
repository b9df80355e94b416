"""Where the images of a batch end, in cells of a feature map.

Letters: B images, C channels, H x W cells.
"""
from typing import List, Optional

import torch
from torch import Tensor


def padding_mask(data_samples: Optional[List],
                 feat: Tensor) -> Optional[Tensor]:
    """Where a feature map shows only padding.

    Args:
        data_samples (list, optional): With ``img_shape`` and
            ``batch_input_shape`` (height, width) in pixels.
        feat (Tensor): (B, C, H, W).

    Returns:
        Tensor | None: (B, H, W), True at padded cells: cells whose upper left
        pixel lies beyond the image. None if there are none.
    """
    if data_samples is None:
        return None
    total = data_samples[0].metainfo['batch_input_shape']
    sizes = [sample.metainfo['img_shape'][:2] for sample in data_samples]
    if all(tuple(size) == tuple(total) for size in sizes):
        return None
    sizes = torch.tensor(sizes)  # (B, 2)
    beyond = []
    for axis, cells in enumerate(feat.shape[-2:]):
        pixels = cell_pixels(cells, total[axis])
        beyond.append(pixels >= sizes[:, axis, None])  # (B, cells)
    mask = beyond[0][:, :, None] | beyond[1][:, None, :]  # (B, H, W)
    return mask.to(feat.device, non_blocking=True)


def cell_pixels(cells: int, total: int) -> Tensor:
    """The first pixel (cells, ) of each of the cells along an axis of
    ``total`` pixels: nearest-neighbour sampling, in whole numbers."""
    return torch.arange(cells) * total // cells
