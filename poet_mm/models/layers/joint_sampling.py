"""Multi-level keypoint sampling: finer feature maps at the keypoints.

The tokens of the encoder are coarse. Here all feature levels are sampled at
the K predicted keypoints of each query, and the finest ones around them, which
costs less than more tokens.

Ideas: attention to few points of several levels is from Deformable DETR (arXiv
2010.04159), correction of keypoints by the features at their places from PETR
(Shi et al., CVPR 2022). Differences: the points are the keypoints of the
query's own pose, and points around them, the same for all queries; keypoints
are not queries, as they are in PETR's second decoder and GroupPose (arXiv
2308.07313); and no compiled operator is needed.

Letters: B images, Q queries, K keypoints, P points around each keypoint, S
sampled channels per keypoint, D channels of a query, J channels per keypoint.
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
UNIT = 4  # of a correction before the sigmoid: about two sizes of the pose
AROUND = 2  # finest levels that are sampled around a keypoint


class DetailMaps(NamedTuple):
    """Hold feature maps that are ready to be sampled."""

    levels: List[Tensor]  # each (B, channels, H, W), fp32, finest first
    ratio: Optional[Tensor]  # valid ratio (B, 2), None without padding

    def sample(self, points: Tensor) -> Tensor:
        """Return the values (B, Q, K, S) of all levels at points (B, Q, K, 2).

        Points are in [0, 1] of the un-padded images. Values are interpolated
        between cells, and 0 beyond them.
        """
        return torch.cat(self._values(points, self.levels), -1)

    def sample_around(self, points: Tensor) -> Tensor:
        """Return values (B, Q, K, P x channels) at points (B, Q, K, P, 2).

        They are sums over the AROUND finest levels, see :meth:`sample`.
        """
        finest = self.levels[:AROUND]
        first, *rest = self._values(points.flatten(2, 3), finest)
        return sum(rest, first).unflatten(2, points.shape[2:4]).flatten(3)

    def _values(self, points: Tensor, levels: List[Tensor]) -> List[Tensor]:
        if self.ratio is not None:
            points = points * self.ratio[:, None, None]
        grid = 2 * points - 1
        return [
            F.grid_sample(level, grid, align_corners=False).movedim(1, -1)
            for level in levels
        ]


class DetailLevels(BaseModule):
    """Make feature levels ready to be sampled.

    Args:
        in_channels (Sequence[int]): Channels of each feature level, finest
            first.
        channels (int): Channels of each level after a 1 x 1 projection.
        joint_channels (int): J, see :class:`KeypointBranch`.
        points (int): Points that are sampled for each keypoint: itself, and
            P = points - 1 around it. Defaults to 1.

    Raises:
        ValueError: If ``points`` is below 1.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        channels: int,
        joint_channels: int,
        points: int = 1,
    ) -> None:
        super().__init__()
        if points < 1:
            raise ValueError(
                f'POETHead got detail.points={points}, expected 1 (the '
                'keypoint itself) or more. Set model.head.detail.points.'
            )
        self.in_channels = tuple(in_channels)
        self.branch = dict(  # arguments of KeypointBranch
            sampled_channels=channels * len(self.in_channels),
            around_channels=channels * (points - 1),
            joint_channels=joint_channels,
            num_around=points - 1,
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
        num_around (int): P, number of points to sample around each keypoint.
            They start on a circle, and are learned. Defaults to 0.
        around_channels (int): Channels of the samples at all P points.
            Defaults to 0.
    """

    def __init__(
        self,
        channels: int,
        num_keypoints: int,
        sampled_channels: int,
        joint_channels: int,
        num_around: int = 0,
        around_channels: int = 0,
    ) -> None:
        super().__init__()
        self.around = None
        if num_around:
            around = points_on_circle(num_around)
            self.around = nn.Parameter(around.repeat(num_keypoints, 1, 1))
            self.around_embed = nn.Linear(
                around_channels, joint_channels, bias=False
            )
        self.detail_embed = nn.Linear(sampled_channels, joint_channels)
        self.state_embed = nn.Linear(channels, joint_channels)
        self.joint_embed = nn.Embedding(num_keypoints, joint_channels)
        self.hidden = nn.Linear(joint_channels, joint_channels)
        # the last layer, one for each keypoint; the first correction is 0
        self.correction = nn.Parameter(
            torch.zeros(num_keypoints, joint_channels, 3)
        )
        self.evidence = nn.Linear(joint_channels, channels)

    def points(self, keypoints: Tensor, sizes: Tensor) -> Tensor:
        """Return the points (B, Q, K, P, 2) around keypoints, in their unit.

        Args:
            keypoints (Tensor): (B, Q, K, 2).
            sizes (Tensor): (B, Q), size of each pose, the unit of the distance
                between a keypoint and its points.
        """
        assert self.around is not None
        sizes = sizes.clamp(min=SMALLEST)[..., None, None, None]
        return keypoints.unsqueeze(-2) + sizes * self.around

    def correct(self, x: Tensor, sizes: Tensor) -> Tensor:
        """Return corrections (B, Q, K, 3) of features x (B, Q, K, J).

        Those of dx and dy are in units of the pose's size.
        """
        correction = (x.transpose(1, 2) @ self.correction).transpose(1, 2)
        unit = UNIT * sizes.clamp(min=SMALLEST)[..., None, None]
        return torch.cat((unit * correction[..., :2], correction[..., 2:]), -1)

    def forward(
        self,
        states: Tensor,
        maps: DetailMaps,
        keypoints: Tensor,
        sizes: Tensor,
    ) -> Tuple[Tensor, Tensor]:
        """Return corrections of every keypoint, and a feature for the class.

        Args:
            states (Tensor): (B, Q, D).
            maps (DetailMaps): To be sampled.
            keypoints (Tensor): (B, Q, K, 2) in [0, 1] of the un-padded image.
            sizes (Tensor): (B, Q), see :meth:`points`.

        Returns:
            tuple[Tensor]: (B, Q, K, 3), of dx, dy and visibility; (B, Q, D),
            mean over the keypoints, to be added to the state before
            classification.
        """
        x = (
            self.detail_embed(maps.sample(keypoints))
            + self.joint_embed.weight
            + self.state_embed(states)[:, :, None]
        )  # (B, Q, K, J)
        if self.around is not None:
            points = self.points(keypoints, sizes)
            x = x + self.around_embed(maps.sample_around(points))
        x = self.hidden(x.relu()).relu()
        return self.correct(x, sizes), self.evidence(x.mean(2))
