"""Two-stage proposals: every token proposes a pose, the best become queries.

Source: as an idea, the two stages of Deformable DETR (arXiv 2010.04159).

Letters: B images, T tokens, Q queries, K keypoints, C person classes, D
channels.
"""

from typing import Dict, NamedTuple, Optional

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor

from .padding import ValidRegion
from .pose import PoseBranch, PoseLogits


class Proposals(NamedTuple):
    """What every token proposes.

    ``logits`` (B, T, C + 1), ``pose`` (B, T), and ``padding`` (B, T), True for
    tokens that show no image, or None.
    """

    logits: Tensor
    pose: PoseLogits
    padding: Optional[Tensor]

    def fields(self) -> Dict[str, Tensor]:
        """Return the fields of a decoder of one layer, (1, B, T, ...).

        ``valid`` (1, B, T), if there is padding, is False where a token must
        neither be matched nor learn.
        """
        fields = PoseLogits(self.pose.values[None]).fields(self.logits[None])
        if self.padding is not None:
            fields['valid'] = ~self.padding[None]
        return fields

    def best(self, num_queries: int) -> Tensor:
        """Return the tokens (B, Q) that are most likely people, best first.

        Padded tokens are never chosen: an image with fewer tokens than queries
        has its least likely one several times.
        """
        people = self.logits[..., :-1].logsumexp(-1)
        scores = people - self.logits[..., -1]  # (B, T)
        if self.padding is not None:
            scores = scores.masked_fill(self.padding, float('-inf'))
        scores = F.pad(scores, (0, num_queries), value=float('-inf'))
        scores, tokens = scores.topk(num_queries)
        ended = scores == float('-inf')
        last = (~ended).sum(1, keepdim=True) - 1  # (B, 1)
        return torch.where(ended, tokens.gather(1, last), tokens)


class EncoderProposals(BaseModule):
    """Propose a pose for every token, corrected from one at the token's cell.

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

    def forward(self, tokens: Tensor, region: ValidRegion) -> Proposals:
        """Return the proposals of the encoder's tokens (B, T, D).

        They are the cells of the feature map with the valid ``region``.
        """
        pose = PoseLogits.at(region.cell_centers(), self.num_keypoints)
        logits, pose = self.branch(tokens, pose)
        return Proposals(logits, pose, region.token_mask)
