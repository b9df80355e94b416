"""Denoising queries: they begin at noised ground truth and learn to go back.

They are for training only, and teach the decoder to correct poses from the
first step on, when few matched queries are near a person.

Source: as an idea, DN-DETR (arXiv 2203.01305), which does so for boxes.

Letters: B images, M people of the batch, N the most people of an image, G
groups, Q queries, P pairs, L decoder layers, K keypoints, D channels.
"""

from typing import Dict, List, NamedTuple, Tuple

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from ..assigners.hungarian import Assignment
from ..targets import rows_of_images
from .pose import PoseLogits

Fields = Dict[str, Tensor]


class NoisedPeople(NamedTuple):
    """Noised ground truth.

    ``pose`` (B, G x N); ``pairs`` of query and person, each (1, P), P = G x M;
    ``valid`` (1, B, G x N), False where there is no person with a labelled
    keypoint; ``groups``, G; ``content`` (1, D), which all queries share.
    """

    pose: PoseLogits
    pairs: Assignment
    valid: Tensor
    groups: int
    content: Tensor

    def of_layers(self, fields: Fields) -> Tuple[Fields, Assignment]:
        """Return fields (L, B, G x N, ...) with ``valid``, and all pairs.

        Pairs are repeated for every layer, each (L, P).
        """
        num_layers = len(fields['logits'])
        pairs = Assignment(*(x.expand(num_layers, -1) for x in self.pairs))
        valid = self.valid.expand(num_layers, -1, -1)
        return dict(fields, valid=valid), pairs

    def attention_mask(self, num_queries: int) -> Tensor:
        """Return the attention mask (B, T, T), T = Q + G x N, True = blocked.

        Matching queries cannot see denoising queries, which leak ground truth;
        denoising groups cannot see each other; padding is never seen.
        """
        valid = self.valid[0]
        size = valid.shape[1] // self.groups
        group = torch.arange(valid.shape[1], device=valid.device)
        group = group // max(size, 1)
        group = torch.cat((group.new_full((num_queries,), -1), group))
        blind = (group[:, None] != group) & (group >= 0)  # (T, T)
        empty = torch.cat(
            (valid.new_zeros(len(valid), num_queries), ~valid), 1
        )
        return blind | empty[:, None]


class PoseDenoising(BaseModule):
    """Add noise to every person of the batch, in G ways.

    Args:
        channels (int): D.
        groups (int): G, 1 or more.
        center_noise (float): Largest shift of a centre along each axis, in
            reaches: distances of the person's farthest keypoint from the
            centre along that axis.
        scale_noise (float): Largest change of a person's size, as a fraction.
        joint_noise (float): Standard deviation of keypoints, in reaches.

    Raises:
        ValueError: No groups, or noise below 0 (of the scale: or from 1 on).
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
            targets (dict): True fields (M, ...), see ``stack_targets``.
            num_people (list[int]): People of each image; its sum is M.
        """
        row, in_row = rows_of_images(num_people)  # (B, N)
        is_person = torch.from_numpy(in_row)
        image, place = is_person.nonzero(as_tuple=True)  # (M, )
        group = torch.arange(self.groups)[:, None]
        pairs = torch.stack(
            (
                image.repeat(self.groups),
                (group * row.shape[1] + place).flatten(),
                row[image, place].repeat(self.groups),
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
        labelled = targets['keypoint_weights'].any(-1)  # (M, )
        valid = is_person & labelled[row] if len(labelled) else is_person
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
        """Return noised poses of the people ``row`` (B, G x N)."""
        if not len(centers):
            size = PoseLogits.size(offsets.shape[1])
            return PoseLogits(centers.new_zeros(*row.shape, size))
        reaches = offsets.abs().amax(1)[row]  # (B, G x N, 2)
        centers, offsets = centers[row], offsets[row]
        centers = centers + self.center_noise * reaches * _uniform(reaches)
        scales = 1 + self.scale_noise * _uniform(reaches[..., :1])
        noise = self.joint_noise * torch.randn_like(offsets)
        offsets = offsets * scales.unsqueeze(-2) + noise * reaches.unsqueeze(
            -2
        )
        return PoseLogits.of_people(centers, offsets)


def _uniform(like: Tensor) -> Tensor:
    """Return random numbers in [-1, 1], of the shape of ``like``."""
    return 2 * torch.rand_like(like) - 1


def split_queries(fields: Fields, num_queries: int) -> Tuple[Fields, Fields]:
    """Return fields (L, B, T, ...) of the first Q queries, and of the rest."""
    first = {name: x[:, :, :num_queries] for name, x in fields.items()}
    rest = {name: x[:, :, num_queries:] for name, x in fields.items()}
    return first, rest
