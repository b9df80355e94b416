"""From states of the transformer to poses, and from poses back to queries.

Source: POET (arXiv 2103.12115), section 3.1, and as ideas: corrections layer
by layer from Deformable DETR (arXiv 2010.04159), queries placed by the sine
code of a point from Conditional DETR (arXiv 2108.06152), by what they predict
from DAB-DETR (arXiv 2201.12329).

Letters: K keypoints, C person classes, D channels. A pose is, before the
sigmoid, 2 + 3K numbers: x and y of the centre, then dx, dy and visibility of
every joint.
"""
import math
from typing import (
    Callable,
    Dict,
    Optional,
    Sequence,
    Tuple,
)

import torch.nn.functional as F
from mmdet.models.layers import MLP, coordinate_to_encoding
from mmengine.model import BaseModule
from mmpose.utils.typing import OptConfigType
from torch import Tensor, nn

from .joint_sampling import DetailMaps, JointBranch
from .precision import full_precision

# What a branch gives a person at first: few queries are people (idea:
# RetinaNet, arXiv 1708.02002).
PRIOR = 0.05


class PoseBranch(BaseModule):
    """The class of a query, and what is to be corrected in its pose.

    It begins without corrections: the pose that comes in goes out.

    Args:
        channels (int): D.
        num_classes (int): C.
        num_keypoints (int): K.
        joints (dict, optional): Other arguments of :class:`JointBranch`.
            Defaults to None: nothing is seen of joints.
    """

    def __init__(self,
                 channels: int,
                 num_classes: int,
                 num_keypoints: int,
                 joints: OptConfigType = None) -> None:
        super().__init__()
        self.class_embed = nn.Linear(channels, num_classes + 1)
        self.pose_embed = MLP(channels, channels, 2 + 3 * num_keypoints, 3)
        self.joints = None
        if joints is not None:
            self.joints = JointBranch(channels, num_keypoints, **joints)

    def init_weights(self) -> None:
        """See :func:`init_corrections`."""
        super().init_weights()
        init_corrections(self.class_embed, self.pose_embed)

    def forward(self,
                states: Tensor,
                pose: Tensor,
                detail: Optional[Tensor] = None) -> Tuple[Tensor, Tensor]:
        """States (B, Q, D), poses (B, Q, 2 + 3K) and what is seen at their
        joints (B, Q, K, S) -> logits (B, Q, C + 1) and corrected poses,
        fp32."""
        with full_precision(states):  # bf16 is too coarse for pixels
            states = states.float()
            corrected = pose + self.pose_embed(states)
            if self.joints is not None:
                corrections, evidence = self.joints(states, detail)
                corrected = corrected + F.pad(corrections, (2, 0))
                states = states + evidence
            return self.class_embed(states), corrected


def init_corrections(class_embed: nn.Linear, pose_embed: MLP) -> None:
    """Begin with few people, and poses as they come in."""
    nn.init.zeros_(pose_embed.layers[-1].weight)
    nn.init.zeros_(pose_embed.layers[-1].bias)
    nn.init.zeros_(class_embed.bias)
    people = class_embed.out_features - 1
    nobody = math.log(people * (1 - PRIOR) / PRIOR)
    nn.init.constant_(class_embed.bias[-1:], nobody)


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

    def forward(self, pose: Tensor, filled: Optional[Tensor] = None) -> Tensor:
        """Poses (B, Q, 2 + 3K) and how much of their cells the images fill,
        (B, 2), see :meth:`Extents.filled` -> codes (B, Q, D)."""
        centers = pose[..., :2].sigmoid()
        if filled is not None:
            centers = centers * filled[:, None]
        return self.mlp(coordinate_to_encoding(centers, self.num_feats))


def pose_fields(logits: Tensor, pose: Tensor) -> Dict[str, Tensor]:
    """Logits (..., C + 1) and poses (..., 2 + 3K) -> the fields that
    :meth:`POETHead.forward` tells of."""
    pose = pose.sigmoid()
    joints = pose[..., 2:].unflatten(-1, (-1, 3))
    return dict(
        logits=logits,
        centers=pose[..., :2],
        offsets=2 * joints[..., :2] - 1,
        visibility=joints[..., 2])


def keypoints_of(pose: Tensor) -> Tensor:
    """Poses (..., 2 + 3K) -> joints (..., K, 2) in [0, 1] of the un-padded
    image."""
    joints = pose[..., 2:].unflatten(-1, (-1, 3))[..., :2]
    return pose[..., None, :2].sigmoid() + 2 * joints.sigmoid() - 1


def corrector(pose: Tensor, branches: Sequence[PoseBranch],
              center_embed: Callable[[Tensor], Tensor],
              detail: Optional[DetailMaps]) -> Callable:
    """What :class:`POETDecoder` calls after every layer; each begins where the
    one before ended, without its gradient.

    Args:
        pose (Tensor): (B, Q, 2 + 3K), where the first layer begins.
        branches (Sequence[PoseBranch]): One for each layer.
        center_embed (Callable): :class:`CenterEmbedding` of these images;
            queries move with their centres.
        detail (DetailMaps, optional): What is seen at joints.

    Returns:
        Callable: Number of a layer and its states (B, Q, D) -> position codes
        (B, Q, D) of the next layer, None after the last, and the prediction:
        logits (B, Q, C + 1) and corrected poses.
    """

    def correct(layer: int, states: Tensor) -> Tuple[Optional[Tensor], tuple]:
        nonlocal pose
        seen = None if detail is None else detail.sample(keypoints_of(pose))
        logits, corrected = branches[layer](states, pose, seen)
        pose = corrected.detach()
        last = layer + 1 == len(branches)
        return None if last else center_embed(pose), (logits, corrected)

    return correct
