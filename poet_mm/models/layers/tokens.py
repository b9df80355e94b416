"""Turn feature levels into tokens.

The paper's tokens are the cells of one level. Here cells of finer levels can
propose people, too. They get their context from the encoded level by the
top-down sums of a feature pyramid (FPN, arXiv 1612.03144). Self-attention on
the coarsest level alone is an idea of RT-DETR (arXiv 2304.08069). Differences:
queries attend to the encoded level alone, too; no convolution follows a sum;
padding is 0 before it, and finer tokens are normalised.

Letters: B images, T tokens, D channels.
"""

from typing import NamedTuple, Sequence, Tuple

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule, ModuleList
from torch import Tensor, nn

from .padding import LevelRegions, ValidRegion


class Memory(NamedTuple):
    """Hold the encoded tokens, and where they are."""

    tokens: Tensor  # (B, T, D)
    position: Tensor  # (B, T, D), position codes
    region: ValidRegion  # of the feature map whose cells are the tokens


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
        self.laterals = ModuleList(  # a bias would fill padded cells
            nn.Conv2d(width, channels, kernel_size=1, bias=False)
            for width in in_channels
        )
        self.norm = nn.LayerNorm(channels)  # as after the encoder
        self.in_channels = list(in_channels)

    def forward(
        self, feats: Sequence[Tensor], memory: Memory
    ) -> Tuple[Tensor, LevelRegions]:
        """Return the tokens (B, T, D) of all levels, and where they are.

        Args:
            feats (Sequence[Tensor]): Finer levels (B, C_i, H_i, W_i).
            memory (Memory): Tokens of the encoded level, which come last.
        """
        regions = [memory.region]
        tokens = [memory.tokens]
        coarser = memory.tokens.transpose(1, 2)  # (B, D, HW)
        # unflatten would make the batch size a constant of the exported graph
        coarser = coarser.reshape(
            *coarser.shape[:2], *memory.region.feat.shape[-2:]
        )
        coarser = memory.region.without_padding(coarser)
        for lateral, feat in zip(self.laterals[::-1], feats[::-1]):
            region = ValidRegion(memory.region.extents, feat)
            context = F.interpolate(coarser, feat.shape[-2:])
            coarser = context + lateral(region.without_padding(feat))
            regions.insert(0, region)
            tokens.insert(0, self.norm(map_to_tokens(coarser)))
        return torch.cat(tokens, 1), LevelRegions(regions)
