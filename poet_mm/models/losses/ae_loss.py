"""Losses of heatmaps and tags.

Source: Associative Embedding (arXiv 1611.05424), section 3.2, with the
normalisation of MMPose's ``AssociativeEmbeddingLoss``: pull is the mean over
the keypoints of a person, push is divided by N (N - 1) and halved. Unlike
MMPose 1.x and like 0.x, both are the mean over the images of a batch, not the
sum. So their balance with the heatmap loss does not depend on the batch size.

Letters: B images, N people of an image, M people of the batch, K keypoints, L
tags of a keypoint, (H, W) cells.
"""

from typing import List, Tuple

import torch
from mmpose.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

EPS = 1e-6


@MODELS.register_module()
class MaskedMSELoss(nn.Module):
    """Compute the mean squared error of heatmaps, 0 at masked cells.

    Equal to MMPose's ``KeypointMSELoss`` with a mask, in half the passes over
    memory: the target takes the value of the prediction where it is masked.

    Args:
        loss_weight (float): Defaults to 1.0.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(
        self, heatmaps: Tensor, target: Tensor, mask: Tensor
    ) -> Tensor:
        """Return the loss of heatmaps (B, K, H, W), divided by all cells.

        Cells count where the mask (B, 1, H, W) is True.
        """
        target = torch.where(mask, target, heatmaps.detach())
        return self.loss_weight * F.mse_loss(heatmaps, target)


def keypoint_tags(
    tags: Tensor, indices: List[Tensor]
) -> Tuple[Tensor, Tensor, Tensor]:
    """Return the tags at the keypoints of all people.

    Args:
        tags (Tensor): (B, L * K, H, W), all keypoints of the first tag first.
        indices (list[Tensor]): ``keypoint_indices`` (N, K, 2) of B images.

    Returns:
        tuple[Tensor, Tensor, Tensor]: tags (M, K, L), weights (M, K), 1 where
        a keypoint counts, and the image (M, ) of each person.
    """
    B, K = len(tags), indices[0].shape[1]
    counts = torch.tensor([len(index) for index in indices])
    image = torch.arange(B).repeat_interleave(counts)
    image = image.to(tags.device, non_blocking=True)
    cells, weights = torch.cat(indices).unbind(-1)  # (M, K)
    keypoint = torch.arange(K, device=tags.device)
    tags = tags.flatten(2).unflatten(1, (-1, K))  # (B, L, K, HW)
    return tags[image[:, None], :, keypoint, cells], weights.to(tags), image


def pull_loss(tags: Tensor, means: Tensor, weights: Tensor) -> Tensor:
    """Return the mean squared distance of tags to a person's mean, (M, ).

    Args:
        tags (Tensor): (M, K, L).
        means (Tensor): (M, L).
        weights (Tensor): (M, K).
    """
    distance = (tags - means[:, None]).square().mean(-1)  # (M, K)
    return (distance * weights).sum(1) / weights.sum(1).clamp(min=1)


def push_loss(means: Tensor, people: Tensor) -> Tensor:
    """Return the sum of exp(-d^2) over pairs of people and tags, (B, ).

    Pairs are ordered and include each person with itself, as in MMPose. The
    sum is 0 for one person.

    Args:
        means (Tensor): (B, N, L), the people's tags, padded.
        people (Tensor): (B, N), 1 for a person, 0 for padding.
    """
    distance = means[:, None] - means[:, :, None]  # (B, N, N, L)
    similarity = torch.exp(-distance.square()).sum(-1)
    pairs = people[:, None] * people[:, :, None]
    several = people.sum(1) > 1
    return (similarity * pairs).sum((1, 2)) * several


@MODELS.register_module()
class AELoss(nn.Module):
    """Pull the tags of a person together, push those of people apart.

    Args:
        loss_weight (float): Defaults to 0.001.
        push_loss_factor (float): Weight of the push loss relative to the pull
            loss. Defaults to 0.5.
    """

    def __init__(
        self, loss_weight: float = 0.001, push_loss_factor: float = 0.5
    ) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.push_loss_factor = push_loss_factor

    def forward(
        self, tags: Tensor, keypoint_indices: List[Tensor]
    ) -> Tuple[Tensor, Tensor]:
        """Return pull and push loss, both 0 for images without people.

        Args:
            tags (Tensor): (B, L * K, H, W).
            keypoint_indices (list[Tensor]): (N, K, 2) of each image, see
                :meth:`AECodec.encode`.
        """
        values, weights, image = keypoint_tags(tags, keypoint_indices)
        count = weights.sum(1, keepdim=True)  # (M, 1)
        means = (values * weights[..., None]).sum(1) / count.clamp(min=1)
        pull = pull_loss(values, means, weights)  # (M, )
        pull = pull.new_zeros(len(tags)).index_add(0, image, pull)  # (B, )

        sizes = [len(index) for index in keypoint_indices]
        people = pad_sequence(
            (count[:, 0] > 0).to(tags).split(sizes), batch_first=True
        )
        push = push_loss(
            pad_sequence(means.split(sizes), batch_first=True), people
        )
        N = people.sum(1)
        pull = (pull / (N + EPS)).mean()
        push = (push / (N * (N - 1) + EPS)).mean()
        return (
            self.loss_weight * pull,
            self.loss_weight * self.push_loss_factor * push,
        )
