"""Turn feature levels into tokens.

The paper's tokens are the cells of one level. Here finer levels can add
tokens. They get their context from the encoded level by a feature pyramid
(FPN, arXiv 1612.03144): self-attention on the coarsest level alone is an idea
of RT-DETR (arXiv 2304.08069). Difference: padding is not seen.

Letters: B images, T tokens, D channels.
"""

from typing import Callable, List, NamedTuple, Optional, Sequence, Tuple

import torch
from mmengine.model import BaseModule
from mmpose.models.necks import FPN
from torch import Tensor, nn

from .padding import LevelRegions, Region, ValidRegion


class Memory(NamedTuple):
    """Hold tokens, and where they are."""

    tokens: Tensor  # (B, T, D)
    position: Tensor  # (B, T, D), position codes
    region: Region  # of the feature maps whose cells are the tokens


def map_to_tokens(values: Tensor) -> Tensor:
    """Return values of a map (B, D, H, W) as those of tokens (B, HW, D)."""
    return values.flatten(2).transpose(1, 2)


class TokenPyramid(BaseModule):
    """Fuse finer feature levels with the encoded one; all become tokens.

    Args:
        in_channels (Sequence[int]): Channels of the finer levels, finest
            first. They are those right before the encoded level.
        channels (int): D.
    """

    def __init__(self, in_channels: Sequence[int], channels: int) -> None:
        super().__init__()
        levels = len(in_channels) + 1
        self.fusion = FPN([*in_channels, channels], channels, levels)
        self.level_code = nn.Embedding(levels, channels)

    def forward(
        self,
        feats: Sequence[Tensor],
        encoded: ValidRegion,
        encode_position: Callable[[Optional[Tensor], Tensor], Tensor],
    ) -> Tuple[Memory, List[Tensor]]:
        """Return the tokens of all levels, and their maps (B, D, H_i, W_i).

        Their position codes are those of a single map plus a level code.

        Args:
            feats (Sequence[Tensor]): Finer levels (B, C_i, H_i, W_i).
            encoded (ValidRegion): Of the encoded map (B, D, H, W).
            encode_position (Callable): Padding mask and map -> position codes
                (B, D, H, W).
        """
        extents = encoded.extents
        maps = self.fusion(
            [
                ValidRegion(extents, x).without_padding(x)
                for x in (*feats, encoded.feat)
            ]
        )
        regions = [ValidRegion(extents, x) for x in maps]
        positions = [
            map_to_tokens(encode_position(region.mask, region.feat)) + code
            for region, code in zip(regions, self.level_code.weight)
        ]
        memory = Memory(
            torch.cat([map_to_tokens(x) for x in maps], 1),
            torch.cat(positions, 1),
            LevelRegions(regions),
        )
        return memory, list(maps)
