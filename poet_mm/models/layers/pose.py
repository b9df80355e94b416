"""Poses before the sigmoid, and their position codes.

Source: POET (arXiv 2103.12115v1), section 3.1. The sine code of a point as
position code is an idea of Conditional DETR (arXiv 2108.06152), that of the
predicted point is one of DAB-DETR (arXiv 2201.12329).

Letters: B images, Q queries, K keypoints, D channels.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from mmdet.models.layers import MLP, coordinate_to_encoding
from mmengine.model import BaseModule
from torch import Tensor

from ..targets import Fields
from .padding import ValidRegion

EPS = 1e-3  # probabilities are clamped to [EPS, 1 - EPS] before the logit


@dataclass(frozen=True, eq=False)
class PoseLogits:
    """Hold poses before the sigmoid. Only this file knows their layout.

    Shapes of poses leave out the last dimension: poses (B, Q) have values
    (B, Q, 2 + 3K).

    Args:
        values (Tensor): (..., 2 + 3K): x and y of the centre, then dx, dy and
            visibility of every keypoint.
    """

    values: Tensor

    @staticmethod
    def size(num_keypoints: int) -> int:
        """Return the number of values of a pose."""
        return 2 + 3 * num_keypoints

    @classmethod
    def at(cls, centers: Tensor, num_keypoints: int) -> 'PoseLogits':
        """Return poses whose keypoints all lie at their centres (..., 2).

        Centres are in [0, 1] of the un-padded image, visibility is 0.5.
        """
        return cls(F.pad(centers.logit(eps=EPS), (0, 3 * num_keypoints)))

    @classmethod
    def from_people(cls, centers: Tensor, offsets: Tensor) -> 'PoseLogits':
        """Return poses of centres (..., 2) and offsets (..., K, 2).

        Visibility is 0.5.
        """
        visibility = torch.full_like(offsets[..., :1], 0.5)
        keypoints = torch.cat((offsets / 2 + 0.5, visibility), -1)
        values = torch.cat((centers, keypoints.flatten(-2)), -1)
        return cls(values.logit(eps=EPS))

    def centers(self) -> Tensor:
        """Return centres (..., 2) in [0, 1] of the un-padded image."""
        return center_of(self.values).sigmoid()

    def keypoints(self) -> Tensor:
        """Return keypoints (..., K, 2) in [0, 1] of the un-padded image."""
        centers = self.centers().unsqueeze(-2)
        return centers + 2 * keypoints_of(self.values)[..., :2].sigmoid() - 1

    def sizes(self) -> Tensor:
        """Return the largest offset of each pose (...), in [0, 1].

        It is in widths of the image for a horizontal offset, in heights for a
        vertical one.
        """
        offsets = 2 * keypoints_of(self.values)[..., :2].sigmoid() - 1
        return offsets.abs().amax((-2, -1))

    def fields(self, **logits: Tensor) -> Fields:
        """Return the fields of :meth:`POETHead.forward`.

        Args:
            **logits (Tensor): See :meth:`PoseBranch.score_logits`.
        """
        return dict(**logits, **fields_of(self.values.sigmoid()))

    def corrected(self, correction: Tensor) -> 'PoseLogits':
        """Return poses corrected by (..., 2 + 3K)."""
        return PoseLogits(self.values + correction)

    def corrected_keypoints(self, correction: Tensor) -> 'PoseLogits':
        """Return poses corrected by (..., K, 3): dx, dy and visibility."""
        return self.corrected(F.pad(correction.flatten(-2), (2, 0)))

    def detach(self) -> 'PoseLogits':
        """Return the same poses without their gradient."""
        return PoseLogits(self.values.detach())

    def gather(self, tokens: Tensor) -> 'PoseLogits':
        """Return the poses of tokens (B, Q), out of those of all tokens."""
        return PoseLogits(take_tokens(self.values, tokens))


def center_of(values: Tensor) -> Tensor:
    """Return the part (..., 2) of values (..., 2 + 3K): x and y."""
    return values[..., :2]


def keypoints_of(values: Tensor) -> Tensor:
    """Return the part (..., K, 3) of values: dx, dy and visibility."""
    return values[..., 2:].unflatten(-1, (-1, 3))


def fields_of(values: Tensor) -> Fields:
    """Return the fields of poses after the sigmoid.

    Args:
        values (Tensor): (..., 2 + 3K), laid out as in :class:`PoseLogits`.

    Returns:
        dict: ``centers`` (..., 2), ``offsets`` (..., K, 2) in [-1, 1] and
        ``visibility`` (..., K).
    """
    keypoints = keypoints_of(values)
    return dict(
        centers=center_of(values),
        offsets=2 * keypoints[..., :2] - 1,
        visibility=keypoints[..., 2],
    )


def take_tokens(values: Tensor, tokens: Tensor) -> Tensor:
    """Return values (B, Q, D) of tokens (B, Q), out of those of all tokens."""
    # not take_along_dim, which ONNX does not have
    return values.gather(1, tokens[..., None].expand(-1, -1, values.shape[2]))


def encode_points(
    points: Tensor, region: ValidRegion, channels: int
) -> Tensor:
    """Return the sine code (B, N, D) of points (B, N, 2) in an image.

    Like mmdet's normalised code of the tokens, it goes from 0 to 1 over the
    cells that the image touches. ``cell_ratio`` converts to these units.
    """
    if region.cell_ratio is not None:
        points = points * region.cell_ratio[:, None]
    return coordinate_to_encoding(points, channels // 2)


class CenterEmbedding(BaseModule):
    """Compute the position code of a query from the centre of its pose.

    Args:
        channels (int): D, of which half encode y and half x.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.mlp = MLP(channels, channels, channels, 2)

    def forward(self, pose: PoseLogits, region: ValidRegion) -> Tensor:
        """Return the codes (B, Q, D) of poses (B, Q) on a feature map."""
        return self.mlp(encode_points(pose.centers(), region, self.channels))
