"""Denoising queries: start from noised ground truth, learn to reconstruct it.

They exist in training only. They teach the decoder to correct poses from the
first step on. At that time few matched queries are near a person.

The idea is from DN-DETR (arXiv 2203.01305), which denoises boxes.

Letters: B images, M people of the batch, N the most people of an image, G
groups, Q queries, P pairs, L decoder layers, K keypoints, D channels.
"""

from typing import List, NamedTuple, Tuple

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from ..assigners.hungarian import Assignment
from ..targets import Fields, rows_of_images
from .pose import PoseLogits


class NoisedPeople(NamedTuple):
    """Hold noised ground truth."""

    pose: PoseLogits  # (B, G x N)
    pairs: Assignment  # of query and person, each (1, P), P = G x M
    valid: Tensor  # (1, B, G x N), False: no person, or nothing to supervise
    groups: int  # G
    content: Tensor  # (1, D), the same for all denoising queries

    def of_layers(self, fields: Fields) -> Tuple[Fields, Assignment]:
        """Return fields (L, B, G x N, ...) with ``valid``, and all pairs.

        Pairs are repeated for every layer, each (L, P).
        """
        num_layers = len(fields['logits'])
        pairs = Assignment(*(x.expand(num_layers, -1) for x in self.pairs))
        valid = self.valid.expand(num_layers, -1, -1)
        return dict(fields, valid=valid), pairs

    def attention_mask(self, num_queries: int) -> Tensor:
        """Return the attention mask (B, T, T), True where blocked.

        T is Q + G x N. Matching queries cannot see denoising queries, which
        leak ground truth. Denoising groups cannot see each other. Padding is
        never seen. Every query sees the matching queries.
        """
        valid = self.valid[0]  # (B, G x N)
        size = valid.shape[1] // self.groups
        group = torch.arange(valid.shape[1], device=valid.device)
        group = group // max(size, 1)
        group = torch.cat((group.new_full((num_queries,), -1), group))
        other_group = (group[:, None] != group) & (group >= 0)  # (T, T)
        no_person = torch.cat(
            (valid.new_zeros(len(valid), num_queries), ~valid), 1
        )
        return other_group | no_person[:, None]


class PoseDenoising(BaseModule):
    """Add noise to every person of the batch, in G ways.

    Args:
        channels (int): D.
        groups (int): G, 1 or more.
        center_noise (float): Largest shift of a centre along each axis,
            relative to the person's half size: the largest offset of a
            keypoint along that axis.
        scale_noise (float): Largest change of a person's size, as a fraction.
        joint_noise (float): Standard deviation of keypoints, relative to the
            half size.

    Raises:
        ValueError: If ``groups`` < 1, a noise < 0 or ``scale_noise`` >= 1.
    """

    def __init__(
        self,
        channels: int,
        groups: int,
        center_noise: float,
        scale_noise: float,
        joint_noise: float,
    ) -> None:
        super().__init__()
        if groups < 1:
            raise ValueError(
                f'PoseDenoising got groups={groups}, expected 1 '
                'or more; without: model.head.denoising=None.'
            )
        if min(center_noise, joint_noise) < 0 or not 0 <= scale_noise < 1:
            raise ValueError(
                f'PoseDenoising got center_noise={center_noise}, scale_noise='
                f'{scale_noise}, joint_noise={joint_noise}; expected 0 or '
                'more, scale_noise below 1. Set them in model.head.denoising.'
            )
        self.groups = groups
        self.center_noise = center_noise
        self.scale_noise = scale_noise
        self.joint_noise = joint_noise
        self.content = nn.Embedding(1, channels)

    def forward(self, targets: Fields, num_people: List[int]) -> NoisedPeople:
        """Return the noised people of a batch.

        Args:
            targets (dict): Ground truth (M, ...), see ``stack_targets``.
            num_people (list[int]): People of each image; its sum is M.
        """
        row, in_row = rows_of_images(num_people)  # (B, N)
        is_person = torch.from_numpy(in_row)
        image, slot = is_person.nonzero(as_tuple=True)  # (M, )
        group = torch.arange(self.groups)[:, None]
        pairs = torch.stack(
            (
                image.repeat(self.groups),
                (group * row.shape[1] + slot).flatten(),
                row[image, slot].repeat(self.groups),
            )
        )[:, None]  # (3, 1, P)
        device = targets['centers'].device
        pairs, row, is_person = (
            x.to(device, non_blocking=True)
            for x in (
                pairs,
                row.repeat(1, self.groups),
                is_person.repeat(1, self.groups),
            )
        )
        supervised = targets['keypoint_weights'].any(-1)  # (M, )
        valid = is_person & supervised[row] if len(supervised) else is_person
        pose = self._noise(targets['centers'], targets['offsets'], row)
        return NoisedPeople(
            pose,
            Assignment(*pairs),
            valid[None],
            self.groups,
            self.content.weight,
        )

    def _noise(
        self, centers: Tensor, offsets: Tensor, row: Tensor
    ) -> PoseLogits:
        """Return noised poses (B, G x N).

        Args:
            centers (Tensor): (M, 2) of the people.
            offsets (Tensor): (M, K, 2).
            row (Tensor): (B, G x N), index of a person, 0 in padded slots.
        """
        if not len(centers):
            size = PoseLogits.size(offsets.shape[1])
            return PoseLogits(centers.new_zeros(*row.shape, size))
        half_sizes = offsets.abs().amax(1)[row]  # (B, G x N, 2)
        centers, offsets = centers[row], offsets[row]
        centers = centers + self.center_noise * half_sizes * _uniform(
            half_sizes
        )
        factors = 1 + self.scale_noise * _uniform(half_sizes[..., :1])
        noise = self.joint_noise * torch.randn_like(offsets)
        offsets = offsets * factors.unsqueeze(
            -2
        ) + noise * half_sizes.unsqueeze(-2)
        return PoseLogits.from_people(centers, offsets)


def _uniform(like: Tensor) -> Tensor:
    """Return random numbers in [-1, 1], of the shape of ``like``."""
    return 2 * torch.rand_like(like) - 1


def split_queries(fields: Fields, num_queries: int) -> Tuple[Fields, Fields]:
    """Split fields (L, B, Q + G x N, ...) after the first Q queries."""
    first = {name: x[:, :, :num_queries] for name, x in fields.items()}
    rest = {name: x[:, :, num_queries:] for name, x in fields.items()}
    return first, rest
