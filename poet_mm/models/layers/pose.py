"""Poses before the sigmoid, and the layers that read them from the decoder.

Source: POET (arXiv 2103.12115), section 3.1, and as ideas: queries placed by
the sine code of a point from Conditional DETR (arXiv 2108.06152), by what they
predict from DAB-DETR (arXiv 2201.12329).

Letters: B images, Q queries, K keypoints, C person classes, D channels.
"""

import math
from dataclasses import dataclass
from typing import Dict, Optional, Tuple

import torch
import torch.nn.functional as F
from mmdet.models.layers import MLP, coordinate_to_encoding
from mmengine.model import BaseModule, ModuleList
from torch import Tensor, nn

from .joint_sampling import DetailLevels, DetailMaps, JointBranch
from .padding import ValidRegion
from .precision import full_precision

# Probability of a person that a branch begins with: few queries are people
# (idea: RetinaNet, arXiv 1708.02002).
PRIOR = 0.05
EPS = 1e-3  # logits end at this distance from 0 and 1


@dataclass(frozen=True, eq=False)
class PoseLogits:
    """Poses before the sigmoid. Only this class knows their layout.

    Args:
        values (Tensor): (..., :meth:`size`), as a layer gives them: x and y of
            the centre, then dx, dy and visibility of every keypoint.
    """

    values: Tensor

    @staticmethod
    def size(num_keypoints: int) -> int:
        """Return how many numbers a pose has."""
        return 2 + 3 * num_keypoints

    @classmethod
    def at(cls, centers: Tensor, num_keypoints: int) -> 'PoseLogits':
        """Return poses whose keypoints all lie at their centres (..., 2).

        Centres are in [0, 1] of the un-padded image, visibility is 0.5.
        """
        return cls(F.pad(centers.logit(eps=EPS), (0, 3 * num_keypoints)))

    @classmethod
    def of_people(cls, centers: Tensor, offsets: Tensor) -> 'PoseLogits':
        """Return poses of centres (..., 2) and offsets (..., K, 2).

        Visibility is 0.5.
        """
        visibility = torch.full_like(offsets[..., :1], 0.5)
        joints = torch.cat((offsets / 2 + 0.5, visibility), -1)  # (..., K, 3)
        values = torch.cat((centers, joints.flatten(-2)), -1)
        return cls(values.logit(eps=EPS))

    @property
    def center(self) -> Tensor:
        """(..., 2), x and y."""
        return self.values[..., :2]

    @property
    def joints(self) -> Tensor:
        """(..., K, 3), dx, dy and visibility."""
        return self.values[..., 2:].unflatten(-1, (-1, 3))

    def centers(self) -> Tensor:
        """Return centres (..., 2) in [0, 1] of the un-padded image."""
        return self.center.sigmoid()

    def keypoints(self) -> Tensor:
        """Return keypoints (..., K, 2) in [0, 1] of the un-padded image."""
        return (
            self.centers().unsqueeze(-2)
            + 2 * self.joints[..., :2].sigmoid()
            - 1
        )

    def fields(self, logits: Tensor) -> Dict[str, Tensor]:
        """Return the fields of :meth:`POETHead.forward`.

        Args:
            logits (Tensor): (..., C + 1), of the class.
        """
        return dict(logits=logits, **fields_of(self.values.sigmoid()))

    def moved(self, correction: Tensor) -> 'PoseLogits':
        """Return poses corrected by (..., :meth:`size`)."""
        return PoseLogits(self.values + correction)

    def moved_joints(self, correction: Tensor) -> 'PoseLogits':
        """Return poses whose :attr:`joints` are corrected by (..., K, 3)."""
        return self.moved(F.pad(correction.flatten(-2), (2, 0)))

    def detach(self) -> 'PoseLogits':
        """Return the same poses without their gradient."""
        return PoseLogits(self.values.detach())

    def take(self, tokens: Tensor) -> 'PoseLogits':
        """Return those of tokens (B, Q), of poses of all tokens."""
        return PoseLogits(take_tokens(self.values, tokens))


def fields_of(values: Tensor) -> Dict[str, Tensor]:
    """Return the fields of poses after the sigmoid.

    Args:
        values (Tensor): Laid out as in :class:`PoseLogits`.

    Returns:
        dict: ``centers`` (..., 2), ``offsets`` (..., K, 2) in [-1, 1] and
        ``visibility`` (..., K).
    """
    pose = PoseLogits(values)
    joints = pose.joints
    return dict(
        centers=pose.center,
        offsets=2 * joints[..., :2] - 1,
        visibility=joints[..., 2],
    )


def take_tokens(values: Tensor, tokens: Tensor) -> Tensor:
    """Return values (B, Q, D) of tokens (B, Q), from those of all tokens."""
    # not take_along_dim, which ONNX does not have
    return values.gather(1, tokens[..., None].expand(-1, -1, values.shape[2]))


class PoseBranch(BaseModule):
    """Read the class of a query, and correct its pose.

    It begins without corrections: the pose that comes in goes out.

    Args:
        channels (int): D.
        num_classes (int): C.
        num_keypoints (int): K.
    """

    def __init__(
        self, channels: int, num_classes: int, num_keypoints: int
    ) -> None:
        super().__init__()
        self.class_embed = nn.Linear(channels, num_classes + 1)
        self.pose_embed = MLP(
            channels, channels, PoseLogits.size(num_keypoints), 3
        )

    def init_weights(self) -> None:
        """See :func:`init_corrections`."""
        super().init_weights()
        init_corrections(self.class_embed, self.pose_embed)

    def forward(
        self,
        states: Tensor,
        pose: PoseLogits,
        detail: Optional[DetailMaps] = None,
    ) -> Tuple[Tensor, PoseLogits]:
        """Return logits (B, Q, C + 1) and corrected poses, both fp32.

        Args:
            states (Tensor): (B, Q, D).
            pose (PoseLogits): (B, Q).
            detail (DetailMaps, optional): Not used here.
        """
        with full_precision(states):  # bf16 is too coarse for pixels
            states = states.float()
            corrected = pose.moved(self.pose_embed(states))
            return self.class_embed(states), corrected


class JointPoseBranch(PoseBranch):
    """A branch that also sees finer feature maps at the pose's keypoints.

    Args:
        channels (int): D.
        num_classes (int): C.
        num_keypoints (int): K.
        joints (dict): Other arguments of :class:`JointBranch`.
    """

    def __init__(
        self, channels: int, num_classes: int, num_keypoints: int, joints: dict
    ) -> None:
        super().__init__(channels, num_classes, num_keypoints)
        self.joints = JointBranch(channels, num_keypoints, **joints)

    def forward(
        self,
        states: Tensor,
        pose: PoseLogits,
        detail: Optional[DetailMaps] = None,
    ) -> Tuple[Tensor, PoseLogits]:
        """Do the same as :class:`PoseBranch`, with ``detail``."""
        assert detail is not None
        seen = detail.sample(pose.keypoints())
        with full_precision(states):
            states = states.float()
            corrected = pose.moved(self.pose_embed(states))
            of_joints, evidence = self.joints(states, seen)
            corrected = corrected.moved_joints(of_joints)
            return self.class_embed(states + evidence), corrected


def pose_branches(
    num_layers: int,
    sizes: Tuple[int, int, int],
    detail: Optional[DetailLevels],
) -> ModuleList:
    """Return a branch for every decoder layer; with ``detail`` they see it.

    Args:
        num_layers (int): L.
        sizes (tuple[int]): D, C and K.
        detail (DetailLevels, optional): The finer levels that are sampled.
    """
    if detail is None:
        return ModuleList(PoseBranch(*sizes) for _ in range(num_layers))
    joints = dict(
        sampled_channels=detail.sampled_channels,
        joint_channels=detail.joint_channels,
    )
    return ModuleList(
        JointPoseBranch(*sizes, joints) for _ in range(num_layers)
    )


def init_corrections(class_embed: nn.Linear, pose_embed: MLP) -> None:
    """Set weights so that few queries are people, and poses stay the same."""
    nn.init.zeros_(pose_embed.layers[-1].weight)
    nn.init.zeros_(pose_embed.layers[-1].bias)
    nn.init.zeros_(class_embed.bias)
    people = class_embed.out_features - 1
    no_object = math.log(people * (1 - PRIOR) / PRIOR)
    nn.init.constant_(class_embed.bias[-1:], no_object)


class CenterEmbedding(BaseModule):
    """Position code of a query at the centre of its pose.

    Like that of the tokens, it counts from 0 to 1 over the cells of the image
    as if the last were whole.

    Args:
        channels (int): D, of which half encode y and half x.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.num_feats = channels // 2
        self.mlp = MLP(channels, channels, channels, 2)

    def forward(self, pose: PoseLogits, region: ValidRegion) -> Tensor:
        """Return the codes (B, Q, D) of poses (B, Q) on a feature map."""
        centers = pose.centers()
        if region.cell_ratio is not None:
            centers = centers * region.cell_ratio[:, None]
        return self.mlp(coordinate_to_encoding(centers, self.num_feats))
