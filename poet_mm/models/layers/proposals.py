"""Two-stage proposals: every token proposes a pose, the best become queries.

The idea is from the two stages of Deformable DETR (arXiv 2010.04159).

Letters: B images, T tokens, Q queries, K keypoints, C person classes, D
channels.
"""

from typing import NamedTuple, Optional

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor

from ..targets import Fields
from .branches import PoseBranch
from .padding import Region
from .pose import PoseLogits


class Proposals(NamedTuple):
    """Hold a proposal of every token."""

    logits: Tensor  # (B, T, C + 1)
    pose: PoseLogits  # (B, T)
    region: Region  # of the tokens

    @property
    def padding(self) -> Optional[Tensor]:
        """Return a mask (B, T), True for tokens of padding."""
        return self.region.token_mask

    def fields(self) -> Fields:
        """Return the proposals as fields with L = 1, for assigner and loss.

        ``valid`` (1, B, T), if there is padding, is False for tokens that are
        neither matched nor supervised. ``nobody_share`` (1, B, T), if there
        are several levels, lets "no object" weigh about as much as with
        one level.
        """
        fields = PoseLogits(self.pose.values[None]).fields(
            logits=self.logits[None]
        )
        if self.padding is not None:
            fields['valid'] = ~self.padding[None]
        share = self.region.nobody_share
        if share is not None:
            shape = (1, *self.logits.shape[:2])
            fields['nobody_share'] = self.logits.new_full(shape, share)
        return fields

    def best(self, num_queries: int) -> Tensor:
        """Return the tokens (B, Q) that are most likely people, best first.

        Padded tokens are never chosen. An image with fewer tokens than queries
        repeats its least likely token.
        """
        person_logit = self.logits[..., :-1].logsumexp(-1)
        scores = person_logit - self.logits[..., -1]  # (B, T)
        if self.padding is not None:
            scores = scores.masked_fill(self.padding, float('-inf'))
        # Q may be larger than T
        scores = F.pad(scores, (0, num_queries), value=float('-inf'))
        scores, tokens = scores.topk(num_queries)
        is_filler = scores == float('-inf')
        last = (~is_filler).sum(1, keepdim=True) - 1  # (B, 1)
        return torch.where(is_filler, tokens.gather(1, last), tokens)


class EncoderProposals(BaseModule):
    """Predict a pose for every token.

    It is a pose at the centre of the token's cell plus a correction, which is
    in units of the cell's size where cells differ in size.

    Args:
        channels (int): D.
        num_classes (int): C.
        num_keypoints (int): K.
    """

    def __init__(
        self, channels: int, num_classes: int, num_keypoints: int
    ) -> None:
        super().__init__()
        self.branch = PoseBranch(channels, num_classes, num_keypoints)
        self.num_keypoints = num_keypoints

    def forward(self, tokens: Tensor, region: Region) -> Proposals:
        """Return the proposals of the encoder's tokens.

        Args:
            tokens (Tensor): (B, T, D).
            region (Region): Of the feature maps whose cells they are.
        """
        pose = PoseLogits.at(region.cell_centers(), self.num_keypoints)
        logits, corrected = self.branch(tokens, pose)
        if region.cell_sizes is not None:
            correction = corrected.values - pose.values
            corrected = pose.corrected(region.cell_sizes * correction)
        return Proposals(logits['logits'], corrected, region)
