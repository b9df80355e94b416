"""Turn feature levels into tokens.

The paper's tokens are the cells of one level. Here finer levels can add
tokens. They get their context from the encoded level by a feature pyramid
(FPN, arXiv 1612.03144): self-attention on the coarsest level alone is an idea
of RT-DETR (arXiv 2304.08069). Difference: padding is not seen.

Letters: B images, T tokens, D channels.
"""

from typing import List, NamedTuple, Sequence

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
    """Fuse finer feature levels with the encoded one.

    Args:
        in_channels (Sequence[int]): Channels of the finer levels, which are
            the first ones of the backbone (or neck), finest first.
        channels (int): D.
        token_levels (int): Number of levels that become tokens, counted from
            the coarsest, which is the encoded one. The others are for joint
            sampling only.

    Raises:
        ValueError: ``token_levels`` is not in [1, number of levels].
    """

    def __init__(
        self, in_channels: Sequence[int], channels: int, token_levels: int
    ) -> None:
        super().__init__()
        self.num_finer = len(in_channels)
        if not 1 <= token_levels <= self.num_finer + 1:
            raise ValueError(
                f'TokenPyramid got token_levels={token_levels} and '
                f'{self.num_finer} in_channels; token_levels must be in '
                f'[1, {self.num_finer + 1}]. Set '
                'model.head.pyramid.token_levels.'
            )
        self.token_levels = token_levels
        self.fusion = FPN(
            [*in_channels, channels], channels, self.num_finer + 1
        )
        self.level_code = nn.Embedding(token_levels, channels)

    def forward(
        self, feats: Sequence[Tensor], encoded: ValidRegion
    ) -> List[Tensor]:
        """Return fused maps (B, D, H_i, W_i), the encoded one last.

        Args:
            feats (Sequence[Tensor]): Feature levels (B, C_i, H_i, W_i).
            encoded (ValidRegion): Of the encoded map (B, D, H, W).
        """
        maps = [*feats[: self.num_finer], encoded.feat]
        return list(
            self.fusion(
                [
                    ValidRegion(encoded.extents, x).without_padding(x)
                    for x in maps
                ]
            )
        )

    def to_memory(
        self, maps: Sequence[Tensor], encoded: ValidRegion, encode_position
    ) -> Memory:
        """Return the tokens of the coarsest ``token_levels`` maps.

        Their position codes are those of a single map plus a level code.
        """
        regions = [
            ValidRegion(encoded.extents, x) for x in maps[-self.token_levels :]
        ]
        positions = [
            map_to_tokens(encode_position(region.mask, region.feat)) + code
            for region, code in zip(regions, self.level_code.weight)
        ]
        return Memory(
            torch.cat([map_to_tokens(region.feat) for region in regions], 1),
            torch.cat(positions, 1),
            LevelRegions(regions),
        )
