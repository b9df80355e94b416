"""Describe the un-padded part of each image, in pixels and on a feature map.

Images are padded at their right and bottom. The head must not see padding, and
its coordinates are those of the un-padded image.

Letters: B images, D channels, H x W cells of a feature map.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import List, NamedTuple, Optional, Sequence, Tuple, Union

import torch
from torch import Tensor


class Extents(NamedTuple):
    """Hold the sizes of the images of a batch, in pixels.

    ``sizes`` (B, 2), height and width of each image; ``total``, the height and
    width that all were padded to.
    """

    sizes: Tensor
    total: Tuple[int, int]


@dataclass(frozen=True, eq=False)
class ValidRegion:
    """Compute which part of a feature map shows the images, not padding.

    Its masks and ratios are None if no image is padded.

    Args:
        extents (Extents, optional): Of the images; None: no image is padded.
        feat (Tensor): The feature map (B, D, H, W), for its size and device.
    """

    extents: Optional[Extents]
    feat: Tensor
    # all cells have the same size, see LevelRegions
    cell_sizes = None
    nobody_share = None

    @cached_property
    def mask(self) -> Optional[Tensor]:
        """Return a mask (B, H, W), True at padded cells.

        Those are the cells whose upper left pixel lies beyond the image.
        """
        if self.extents is None:
            return None
        sizes, total = self.extents
        beyond = []
        for axis, cells in enumerate(self.feat.shape[-2:]):
            pixels = cell_pixels(cells, total[axis], sizes.device)
            beyond.append(pixels >= sizes[:, axis, None])  # (B, cells)
        return beyond[0][:, :, None] | beyond[1][:, None, :]  # (B, H, W)

    @cached_property
    def token_mask(self) -> Optional[Tensor]:
        """Return :attr:`mask` as (B, HW)."""
        return None if self.mask is None else self.mask.flatten(1)

    @cached_property
    def ratio(self) -> Optional[Tensor]:
        """Return the valid ratio (B, 2), (x, y): image size / padded size.

        It is exact if the padded size is a multiple of the stride
        (``pad_size_divisor``). Otherwise the last row or column of cells
        covers less than a stride, and coordinates are off by less than a cell.
        """
        if self.extents is None:
            return None
        sizes, (height, width) = self.extents
        return torch.stack((sizes[:, 1] / width, sizes[:, 0] / height), -1)

    @cached_property
    def cell_ratio(self) -> Optional[Tensor]:
        """Return image size / size of the cells that it touches, (B, 2).

        For example, 100 pixels at stride 32 touch 4 cells, 128 pixels: 0.78.
        """
        if self.mask is None or self.ratio is None:
            return None
        width = (~self.mask[:, 0]).sum(1)
        height = (~self.mask[:, :, 0]).sum(1)
        cells = torch.stack(
            (width / self.feat.shape[-1], height / self.feat.shape[-2]), -1
        )
        return self.ratio / cells

    def without_padding(self, values: Tensor) -> Tensor:
        """Return values (B, D, H, W) with 0 at padded cells."""
        if self.mask is None:
            return values
        return values.masked_fill(self.mask[:, None], 0)

    def cell_centers(self) -> Tensor:
        """Return the centres of all cells, (B, HW, 2); B = 1 without padding.

        x and y are in [0, 1] of the un-padded image, above 1 for cells whose
        centre is in the padding.
        """
        height, width = self.feat.shape[-2:]
        device = self.feat.device
        # The ONNX exporter takes float64 for the sum of int64 and a float.
        y, x = (
            (torch.arange(n, dtype=torch.float32, device=device) + 0.5) / n
            for n in (height, width)
        )
        x, y = x.expand(height, -1), y[:, None].expand(-1, width)
        centers = torch.stack((x, y), -1).flatten(0, 1)[None]  # (1, HW, 2)
        return (
            centers if self.ratio is None else (centers / self.ratio[:, None])
        )


class LevelRegions:
    """Describe the cells of several feature maps, counted map by map.

    Args:
        levels (Sequence[ValidRegion]): One of each map, the coarsest last.
    """

    def __init__(self, levels: Sequence[ValidRegion]) -> None:
        self.levels = levels

    @property
    def token_mask(self) -> Optional[Tensor]:
        """Return a mask (B, T), True at padded cells."""
        masks = [
            level.token_mask
            for level in self.levels
            if level.token_mask is not None
        ]
        return torch.cat(masks, 1) if masks else None

    def cell_centers(self) -> Tensor:
        """Return the centres of all cells (B, T, 2), see ValidRegion."""
        return torch.cat([level.cell_centers() for level in self.levels], 1)

    @property
    def cell_sizes(self) -> Tensor:
        """Return the sizes of all cells (T, 1); the coarsest have size 1."""
        coarsest = self.levels[-1].feat
        sizes = []
        for level in self.levels:
            height, width = level.feat.shape[-2:]
            ones = torch.ones(height * width, 1, device=coarsest.device)
            sizes.append(ones * coarsest.shape[-1] / width)
        return torch.cat(sizes)

    @property
    def nobody_share(self) -> float:
        """Return the share of the coarsest level's cells in all cells."""
        cells = [level.feat.shape[-2:].numel() for level in self.levels]
        return cells[-1] / sum(cells)


Region = Union[ValidRegion, LevelRegions]


def image_extents(
    data_samples: Optional[List], device: torch.device
) -> Optional[Extents]:
    """Return the extents of a batch, None if no image is padded.

    Args:
        data_samples (list, optional): With ``img_shape`` and
            ``batch_input_shape`` (height, width) in pixels.
        device (torch.device): Where the result is needed.
    """
    if data_samples is None:
        return None
    total = tuple(data_samples[0].metainfo['batch_input_shape'])
    shapes = [sample.metainfo['img_shape'][:2] for sample in data_samples]
    if all(tuple(shape) == total for shape in shapes):
        return None
    sizes = torch.tensor(shapes).to(device, non_blocking=True)
    return Extents(sizes, total)


def cell_pixels(cells: int, total: int, device: torch.device) -> Tensor:
    """Return the first pixel (cells, ) of each cell along an axis.

    These are the pixels that DETR's ``F.interpolate(mask, mode='nearest')``
    takes of ``total``, in integer arithmetic.
    """
    return torch.arange(cells, device=device) * total // cells


def padding_mask(
    data_samples: Optional[List], feat: Tensor
) -> Optional[Tensor]:
    """Return :attr:`ValidRegion.mask` of a feature map (B, D, H, W)."""
    return ValidRegion(image_extents(data_samples, feat.device), feat).mask
