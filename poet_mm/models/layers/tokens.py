"""Turn feature levels into tokens.

The paper's tokens are the cells of one level. Here finer levels can add
tokens. They get their context from the encoded level by a feature pyramid
(FPN, arXiv 1612.03144): self-attention on the coarsest level alone is an idea
of RT-DETR (arXiv 2304.08069). Differences: padding is 0 before the fusion, the
encoded level stays as it is, and finer tokens are normalised.

Letters: B images, T tokens, D channels.
"""

from typing import NamedTuple, Sequence

import torch
from mmengine.model import BaseModule
from mmpose.models.necks import FPN
from torch import Tensor, nn

from .padding import LevelRegions, Region, ValidRegion
from .pose import encode_points


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

    Raises:
        ValueError: If there is no finer level.
    """

    def __init__(self, in_channels: Sequence[int], channels: int) -> None:
        super().__init__()
        if not in_channels:
            raise ValueError(
                'pyramid.in_channels is empty, expected the channels of one '
                'finer level or more. Or set model.head.pyramid=None.'
            )
        levels = len(in_channels) + 1
        self.fusion = FPN([*in_channels, channels], channels, levels)
        for lateral in self.fusion.lateral_convs:
            lateral.conv.bias = None  # it would fill padded cells
        # the tokens of the encoded level stay as they are
        self.fusion.lateral_convs[-1] = nn.Identity()
        self.fusion.fpn_convs[-1] = nn.Identity()
        self.norm = nn.LayerNorm(channels)  # as after the encoder
        self.in_channels = list(in_channels)
        self.level_code = nn.Embedding(levels, channels)

    def forward(self, feats: Sequence[Tensor], encoded: ValidRegion) -> Memory:
        """Return the tokens of all levels.

        Their position codes are those of queries at the centres of their
        cells, plus a level code.

        Args:
            feats (Sequence[Tensor]): Finer levels (B, C_i, H_i, W_i).
            encoded (ValidRegion): Of the encoded map (B, D, H, W).
        """
        extents = encoded.extents
        maps = self.fusion(
            [
                ValidRegion(extents, x).without_padding(x)
                for x in (*feats, encoded.feat)
            ]
        )
        regions = [ValidRegion(extents, x) for x in maps]
        tokens = [map_to_tokens(x) for x in maps]
        tokens[:-1] = [self.norm(x) for x in tokens[:-1]]
        codes = [
            code.expand(x.shape[1], -1)
            for code, x in zip(self.level_code.weight, tokens)
        ]
        region, values = LevelRegions(regions), torch.cat(tokens, 1)
        position = encode_points(
            region.cell_centers(), region, values.shape[2]
        ) + torch.cat(codes)
        return Memory(values, position.expand_as(values), region)
