"""Multi-level joint sampling: finer feature maps at the keypoints of a pose.

The tokens of the encoder are coarse. Here all feature levels are sampled at
the K predicted keypoints of each query, which costs less than more tokens.

Ideas: attention to few points of several levels is from Deformable DETR (arXiv
2010.04159), correction of keypoints by the features at their places from PETR
(Shi et al., CVPR 2022). Differences: the points are the keypoints of the
query's own pose, and points around them, the same for all queries; keypoints
are not queries, as they are in PETR's second decoder and GroupPose (arXiv
2308.07313); and no compiled operator is needed.

Letters: B images, Q queries, K keypoints, P points per keypoint, S sampled
channels per keypoint, D channels of a query, J channels per keypoint.
"""

import math
from typing import List, NamedTuple, Optional, Sequence, Tuple

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule, ModuleList
from mmpose.utils.typing import Features
from torch import Tensor, nn

from .padding import Extents, ValidRegion

RADIUS = 0.15  # of the circle of points, in sizes of the pose
SMALLEST = 0.03  # size of a pose at least, in image sizes


class DetailMaps(NamedTuple):
    """Hold feature maps that are ready to be sampled."""

    levels: List[Tensor]  # each (B, channels, H, W), fp32
    ratio: Optional[Tensor]  # valid ratio (B, 2), None without padding

    def sample(self, points: Tensor) -> Tensor:
        """Return the levels' values (B, Q, K, S) at points (B, Q, K, P, 2).

        Points are in [0, 1] of the un-padded images. Values are interpolated
        between cells, and 0 beyond them.
        """
        num_points = points.shape[-2]
        points = points.flatten(2, 3)  # (B, Q, KP, 2)
        if self.ratio is not None:
            points = points * self.ratio[:, None, None]
        grid = 2 * points - 1
        values = [
            F.grid_sample(level, grid, align_corners=False)
            for level in self.levels
        ]
        found = torch.cat(values, 1).permute(0, 2, 3, 1)  # (B, Q, KP, S / P)
        return found.unflatten(2, (-1, num_points)).flatten(3)


class DetailLevels(BaseModule):
    """Make feature levels ready to be sampled.

    Args:
        in_channels (Sequence[int]): Channels of each feature level.
        channels (int): Channels of each level after a 1 x 1 projection.
        joint_channels (int): J, see :class:`KeypointBranch`.
        points (int): P, see :class:`KeypointBranch`. Defaults to 1.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        channels: int,
        joint_channels: int,
        points: int = 1,
    ) -> None:
        super().__init__()
        self.in_channels = tuple(in_channels)
        self.branch = dict(  # arguments of KeypointBranch
            sampled_channels=points * channels * len(self.in_channels),
            joint_channels=joint_channels,
            points=points,
        )
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


def points_on_circle(number: int) -> Tensor:
    """Return points (P, 2) at equal angles on a circle of RADIUS.

    Their units are widths and heights of the image, so in pixels of an image
    that is not square it is an ellipse.
    """
    angles = torch.arange(number) * (2 * math.pi / number)
    return RADIUS * torch.stack((angles.cos(), angles.sin()), -1)


class KeypointBranch(BaseModule):
    """Predict a correction of each keypoint from the features sampled there.

    Args:
        channels (int): D.
        num_keypoints (int): K.
        sampled_channels (int): S.
        joint_channels (int): J, width of the layers that run per keypoint.
        points (int): P, number of sampled points per keypoint: itself, and
            others that start on a circle around it. Their places are learned.
            Defaults to 1.
    """

    def __init__(
        self,
        channels: int,
        num_keypoints: int,
        sampled_channels: int,
        joint_channels: int,
        points: int = 1,
    ) -> None:
        super().__init__()
        self.around = None
        if points > 1:
            around = points_on_circle(points - 1)
            self.around = nn.Parameter(around.repeat(num_keypoints, 1, 1))
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

    def points(self, keypoints: Tensor, sizes: Tensor) -> Tensor:
        """Return the points (B, Q, K, P, 2) to sample, in the keypoints' unit.

        Args:
            keypoints (Tensor): (B, Q, K, 2).
            sizes (Tensor): (B, Q), size of each pose, the unit of the distance
                between a keypoint and its other points.
        """
        points = keypoints.unsqueeze(-2)
        if self.around is None:
            return points
        sizes = sizes.clamp(min=SMALLEST)[..., None, None, None]
        return torch.cat((points, points + sizes * self.around), -2)

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
