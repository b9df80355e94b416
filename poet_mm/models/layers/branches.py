"""Layers that read class, pose and OKS of queries from the decoder.

Source: POET (arXiv 2103.12115v1), section 3.1.

Letters: B images, Q queries, K keypoints, C person classes, D channels.
"""

import math
from typing import Optional, Tuple

from mmdet.models.layers import MLP
from mmengine.model import BaseModule, ModuleList
from torch import Tensor, nn

from ..targets import Fields
from .joint_sampling import DetailLevels, DetailMaps, KeypointBranch
from .pose import PoseLogits
from .precision import full_precision

# Probability of a person at the start of the training: few queries are people
# (idea: RetinaNet, arXiv 1708.02002).
PRIOR = 0.05
# Of the predicted OKS before the sigmoid. Its layer learns from few queries,
# and the optimizer moves its weights no faster than others.
OKS_GAIN = 10


class PoseBranch(BaseModule):
    """Predict class and OKS of a query, and correct its pose.

    At initialisation the correction is 0, and the OKS 0.5.

    Args:
        channels (int): D.
        num_classes (int): C.
        num_keypoints (int): K.
        predict_oks (bool): Also predict the OKS of the pose. Defaults to
            False.
    """

    def __init__(
        self,
        channels: int,
        num_classes: int,
        num_keypoints: int,
        predict_oks: bool = False,
    ) -> None:
        super().__init__()
        self.class_embed = nn.Linear(channels, num_classes + 1)
        self.oks_embed = nn.Linear(channels, 1) if predict_oks else None
        self.pose_embed = MLP(
            channels, channels, PoseLogits.size(num_keypoints), 3
        )

    def init_weights(self) -> None:
        """Set the last layers to 0, so that the first correction is 0.

        See :func:`init_corrections`, which also sets the bias of the classes.
        """
        super().init_weights()
        init_corrections(self.class_embed, self.pose_embed)
        if self.oks_embed is not None:
            nn.init.zeros_(self.oks_embed.weight)
            nn.init.zeros_(self.oks_embed.bias)

    def score_logits(self, states: Tensor) -> Fields:
        """Return ``logits`` (B, Q, C + 1) of states (B, Q, D).

        With ``predict_oks`` also ``oks_logits`` (B, Q). Their loss does not
        reach the states.
        """
        logits = dict(logits=self.class_embed(states))
        if self.oks_embed is not None:
            oks_logits = self.oks_embed(states.detach()).squeeze(-1)
            logits['oks_logits'] = OKS_GAIN * oks_logits
        return logits

    def forward(
        self,
        states: Tensor,
        pose: PoseLogits,
        maps: Optional[DetailMaps] = None,
    ) -> Tuple[Fields, PoseLogits]:
        """Return :meth:`score_logits` and corrected poses, both fp32.

        Args:
            states (Tensor): (B, Q, D).
            pose (PoseLogits): (B, Q).
            maps (DetailMaps, optional): Not used here.
        """
        with full_precision(states):  # bf16 is too coarse for pixels
            states = states.float()
            corrected = pose.corrected(self.pose_embed(states))
            return self.score_logits(states), corrected


class KeypointPoseBranch(PoseBranch):
    """Also read finer feature maps at the keypoints of the pose.

    Args:
        channels (int): D.
        num_classes (int): C.
        num_keypoints (int): K.
        predict_oks (bool): See :class:`PoseBranch`.
        joints (dict): Other arguments of :class:`KeypointBranch`.
    """

    def __init__(
        self,
        channels: int,
        num_classes: int,
        num_keypoints: int,
        predict_oks: bool,
        joints: dict,
    ) -> None:
        super().__init__(channels, num_classes, num_keypoints, predict_oks)
        self.joints = KeypointBranch(channels, num_keypoints, **joints)

    def forward(
        self,
        states: Tensor,
        pose: PoseLogits,
        maps: Optional[DetailMaps] = None,
    ) -> Tuple[Fields, PoseLogits]:
        """Return score logits and corrected poses; needs ``maps``.

        See :meth:`PoseBranch.forward`.
        """
        assert maps is not None
        with full_precision(states):
            states = states.float()
            corrected = pose.corrected(self.pose_embed(states))
            correction, feature = self.joints(
                states, maps, pose.keypoints(), pose.sizes()
            )
            corrected = corrected.corrected_keypoints(correction)
            return self.score_logits(states + feature), corrected


def pose_branches(
    num_layers: int,
    dims: Tuple[int, int, int],
    predict_oks: bool,
    detail: Optional[DetailLevels],
) -> ModuleList:
    """Return one branch for every decoder layer.

    Args:
        num_layers (int): L.
        dims (tuple[int]): D, C and K.
        predict_oks (bool): See :class:`PoseBranch`.
        detail (DetailLevels, optional): The finer levels that the branches
            sample.
    """
    if detail is None:
        return ModuleList(
            PoseBranch(*dims, predict_oks) for _ in range(num_layers)
        )
    return ModuleList(
        KeypointPoseBranch(*dims, predict_oks, detail.branch)
        for _ in range(num_layers)
    )


def init_corrections(class_embed: nn.Linear, pose_embed: MLP) -> None:
    """Set p(person) to about PRIOR, and the correction of the pose to 0."""
    nn.init.zeros_(pose_embed.layers[-1].weight)
    nn.init.zeros_(pose_embed.layers[-1].bias)
    nn.init.zeros_(class_embed.bias)
    # C / (C + exp(bias)) = PRIOR
    num_classes = class_embed.out_features - 1
    no_object = math.log(num_classes * (1 - PRIOR) / PRIOR)
    nn.init.constant_(class_embed.bias[-1:], no_object)
