"""Every token of the encoder proposes a pose; the best become queries.

Source: as an idea, the two stages of Deformable DETR (arXiv 2010.04159).

Letters: B images, T tokens, Q queries, K keypoints, C person classes, D
channels. Poses are as in ``prediction.py``.
"""
from typing import Dict, NamedTuple, Optional, Tuple

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor

from .pose import PoseBranch, pose_fields


class Proposals(NamedTuple):
    """``logits`` (B, T, C + 1), ``pose`` (B, T, 2 + 3K), and ``padding``
    (B, T), True for tokens that show no image, or None."""
    logits: Tensor
    pose: Tensor
    padding: Optional[Tensor]

    def fields(self) -> Dict[str, Tensor]:
        """As of a decoder of one layer: (1, B, T, ...); ``valid`` (1, B, T)
        is False where a token must neither be matched nor learn."""
        fields = pose_fields(self.logits[None], self.pose[None])
        if self.padding is not None:
            fields['valid'] = ~self.padding[None]
        return fields

    def best(self, num_queries: int) -> Tensor:
        """Tokens (B, Q) that are most likely people, the likeliest first.

        Padded tokens are never chosen: an image with less tokens than queries
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
    """A pose for every token, corrected from one at the token's cell.

    Args:
        channels (int): D.
        num_classes (int): C.
        num_keypoints (int): K.
    """

    def __init__(self, channels: int, num_classes: int,
                 num_keypoints: int) -> None:
        super().__init__()
        self.branch = PoseBranch(channels, num_classes, num_keypoints)
        self.num_values = 2 + 3 * num_keypoints

    def forward(self, memory: Tensor, shape: Tuple[int, int],
                padding: Optional[Tensor],
                shares: Optional[Tensor]) -> Proposals:
        """
        Args:
            memory (Tensor): (B, T, D).
            shape (tuple[int, int]): H and W of the feature map, T = H x W.
            padding (Tensor, optional): (B, H, W), True at padded cells.
            shares (Tensor, optional): (B, 2), see :meth:`Extents.shares`.
        """
        centers = cell_centers(memory, shape, shares)  # (B or 1, T, 2)
        # all joints at the centre, visible or not
        pose = F.pad(centers.logit(eps=1e-3), (0, self.num_values - 2))
        logits, pose = self.branch(memory, pose)
        if padding is not None:
            padding = padding.flatten(1)
        return Proposals(logits, pose, padding)


def take_tokens(values: Tensor, tokens: Tensor) -> Tensor:
    """Values (B, T, D) of tokens (B, Q) -> (B, Q, D)."""
    # not take_along_dim, which ONNX does not have
    return values.gather(1, tokens[..., None].expand(-1, -1, values.shape[2]))


def cell_centers(like: Tensor, shape: Tuple[int, int],
                 shares: Optional[Tensor]) -> Tensor:
    """Centres x and y of cells, in [0, 1] of the un-padded image, and beyond
    1 for cells that it does not reach to the middle of.

    Args:
        like (Tensor): Gives the device.
        shape (tuple[int, int]): H and W of the feature map.
        shares (Tensor, optional): (B, 2), see :meth:`Extents.shares`.

    Returns:
        Tensor: (B, H x W, 2), B = 1 without padding.
    """
    height, width = shape
    y = (torch.arange(height, device=like.device) + 0.5) / height
    x = (torch.arange(width, device=like.device) + 0.5) / width
    x, y = x.expand(height, -1), y[:, None].expand(-1, width)
    centers = torch.stack((x, y), -1).flatten(0, 1)[None]
    return centers if shares is None else centers / shares[:, None]
