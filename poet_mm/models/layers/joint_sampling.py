"""Multi-level joint sampling: finer feature maps at the keypoints of a pose.

The tokens of the encoder are coarse. Here all feature levels are sampled at
the K predicted keypoints of each query, which costs less than more tokens.

Ideas: attention to few points of several levels is from Deformable DETR (arXiv
2010.04159), correction of keypoints by the features at their places from PETR
(Shi et al., CVPR 2022). Differences: no sampling offsets are learned, as the
points are the keypoints of the query's own pose; keypoints are not queries, as
they are in PETR's second decoder and GroupPose (arXiv 2308.07313); and no
compiled operator is needed.

Letters: B images, Q queries, K keypoints, S sampled channels, D channels of a
query, J channels per keypoint.
"""

from typing import List, NamedTuple, Optional, Sequence, Tuple

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule, ModuleList
from mmpose.utils.typing import Features
from torch import Tensor, nn

from .padding import Extents, ValidRegion


class DetailMaps(NamedTuple):
    """Hold feature maps that are ready to be sampled."""

    levels: List[Tensor]  # each (B, S / number of levels, H, W), fp32
    ratio: Optional[Tensor]  # valid ratio (B, 2), None without padding

    def sample(self, points: Tensor) -> Tensor:
        """Return the levels' values (B, Q, K, S) at points (B, Q, K, 2).

        Points are in [0, 1] of the un-padded images. Values are interpolated
        between cells, and 0 beyond them.
        """
        if self.ratio is not None:
            points = points * self.ratio[:, None, None]
        grid = 2 * points - 1
        values = [
            F.grid_sample(level, grid, align_corners=False)
            for level in self.levels
        ]
        return torch.cat(values, 1).permute(0, 2, 3, 1)  # (B, Q, K, S)


class DetailLevels(BaseModule):
    """Make feature levels ready to be sampled.

    Args:
        in_channels (Sequence[int]): Channels of each feature level.
        channels (int): Channels of each level after a 1 x 1 projection.
        joint_channels (int): J, see :class:`KeypointBranch`.
    """

    def __init__(
        self, in_channels: Sequence[int], channels: int, joint_channels: int
    ) -> None:
        super().__init__()
        self.in_channels = tuple(in_channels)
        self.sampled_channels = channels * len(self.in_channels)
        self.joint_channels = joint_channels
        self.projections = ModuleList(
            nn.Conv2d(width, channels, kernel_size=1)
            for width in self.in_channels
        )

    def forward(
        self, feats: Features, extents: Optional[Extents]
    ) -> DetailMaps:
        """Return maps of feature levels (B, C_i, H_i, W_i), 0 at padding.

        Raises:
            ValueError: If the levels do not have ``in_channels``.
        """
        feats = feats if isinstance(feats, Sequence) else [feats]
        found = tuple(feat.shape[1] for feat in feats)
        if found != self.in_channels:
            raise ValueError(
                f'POETHead was built with detail.in_channels='
                f'{list(self.in_channels)}, but the levels that it gets have '
                f'{list(found)} channels: set model.head.detail.in_channels, '
                'or model.backbone.out_indices.'
            )
        regions = [ValidRegion(extents, feat) for feat in feats]
        levels = [  # in fp32 here, once for all decoder layers
            region.without_padding(project(feat).float())
            for region, project, feat in zip(regions, self.projections, feats)
        ]
        return DetailMaps(levels, regions[0].ratio)  # the same for all


class KeypointBranch(BaseModule):
    """Predict a correction of each keypoint from the features sampled there.

    Args:
        channels (int): D.
        num_keypoints (int): K.
        sampled_channels (int): S.
        joint_channels (int): J, width of the layers that run per keypoint.
    """

    def __init__(
        self,
        channels: int,
        num_keypoints: int,
        sampled_channels: int,
        joint_channels: int,
    ) -> None:
        super().__init__()
        self.detail_embed = nn.Linear(sampled_channels, joint_channels)
        self.state_embed = nn.Linear(channels, joint_channels)
        self.joint_embed = nn.Embedding(num_keypoints, joint_channels)
        self.hidden = nn.Linear(joint_channels, joint_channels)
        self.correction = nn.Linear(joint_channels, 3)
        self.evidence = nn.Linear(joint_channels, channels)

    def init_weights(self) -> None:
        """Set the last layer to 0, so that the first correction is 0."""
        super().init_weights()
        nn.init.zeros_(self.correction.weight)
        nn.init.zeros_(self.correction.bias)

    def forward(
        self, states: Tensor, samples: Tensor
    ) -> Tuple[Tensor, Tensor]:
        """Return corrections of every keypoint, and a feature for the class.

        Args:
            states (Tensor): (B, Q, D).
            samples (Tensor): (B, Q, K, S).

        Returns:
            tuple[Tensor]: (B, Q, K, 3), of dx, dy and visibility; (B, Q, D),
            mean over the keypoints, to be added to the state before
            classification.
        """
        x = (
            self.detail_embed(samples)
            + self.joint_embed.weight
            + self.state_embed(states)[:, :, None]
        )  # (B, Q, K, J)
        x = self.hidden(x.relu()).relu()
        return self.correction(x), self.evidence(x.mean(2))
