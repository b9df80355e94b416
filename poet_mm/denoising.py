"""Queries that begin at people, noised, and learn to go back: training only.

They teach the decoder to correct poses from the first step on, when few
matched queries are near anybody.

Source: as an idea, DN-DETR (arXiv 2203.01305), which does so for boxes.

Letters: B images, M people of the batch, N the most people of an image, G
groups, Q queries, K keypoints, D channels. Poses are as in ``prediction.py``.
"""
from typing import Dict, List, NamedTuple, Tuple

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from .assigners import Assignment, rows_of_images

Fields = Dict[str, Tensor]


class NoisedPeople(NamedTuple):
    """``pose`` (B, G x N, 2 + 3K); which of them are of whom, ``pairs``, each
    (1, P), P = G x M; ``valid`` (1, B, G x N), False where nobody is."""
    pose: Tensor
    pairs: Assignment
    valid: Tensor

    def among(self, fields: Fields) -> Tuple[Fields, Assignment]:
        """Predicted fields (L, B, G x N, ...) with ``valid``, and the pairs
        of every layer, for :class:`PoseSetLoss`."""
        num_layers = len(fields['logits'])
        pairs = (x.expand(num_layers, -1) for x in self.pairs)
        valid = self.valid.expand(num_layers, -1, -1)
        return dict(fields, valid=valid), Assignment(*pairs)


class PoseDenoising(BaseModule):
    """Every person of the batch, noised in G ways.

    Args:
        channels (int): D.
        groups (int): G. Defaults to 4.
        center_noise (float): Most that a centre moves, in half sizes of the
            person. Defaults to 0.5.
        scale_noise (float): Most that a person grows or shrinks, as a share.
            Defaults to 0.4.
        joint_noise (float): Standard deviation of joints, in half sizes of
            the person. Defaults to 0.2.
    """

    def __init__(self,
                 channels: int,
                 groups: int = 4,
                 center_noise: float = 0.5,
                 scale_noise: float = 0.4,
                 joint_noise: float = 0.2) -> None:
        super().__init__()
        self.groups = groups
        self.center_noise = center_noise
        self.scale_noise = scale_noise
        self.joint_noise = joint_noise
        self.content = nn.Embedding(1, channels)

    def forward(self, targets: Fields,
                num_people: List[int]) -> NoisedPeople:
        """
        Args:
            targets (dict): True fields (M, ...), see ``stack_targets``.
            num_people (list[int]): People of each image; its sum is M.
        """
        row, is_person = rows_of_images(num_people)  # (B, N)
        is_person = torch.from_numpy(is_person)
        device = targets['centers'].device
        image, place = is_person.nonzero(as_tuple=True)  # (M, )
        most = row.shape[1]
        group = torch.arange(self.groups)[:, None]
        pairs = (image.repeat(self.groups), (group * most + place).flatten(),
                 row[image, place].repeat(self.groups))
        pairs = [x[None].to(device, non_blocking=True) for x in pairs]
        row = row.repeat(1, self.groups).to(device, non_blocking=True)
        pose = self._noise(targets['centers'], targets['offsets'], row)
        valid = is_person.repeat(1, self.groups)[None]
        return NoisedPeople(pose, Assignment(*pairs),
                            valid.to(device, non_blocking=True))

    def _noise(self, centers: Tensor, offsets: Tensor, row: Tensor) -> Tensor:
        """Fields (M, ...) -> poses of the people ``row`` (B, G x N)."""
        if not len(centers):
            return centers.new_zeros(*row.shape, 2 + 3 * offsets.shape[1])
        sizes = offsets.abs().amax(1)[row]  # (B, G x N, 2)
        centers, offsets = centers[row], offsets[row]
        centers = centers + self.center_noise * sizes * _uniform(sizes)
        scales = 1 + self.scale_noise * _uniform(sizes[..., :1])
        offsets = (
            offsets * scales.unsqueeze(-2) +
            self.joint_noise * sizes.unsqueeze(-2) *
            torch.randn_like(offsets))
        visibility = torch.full_like(offsets[..., :1], 0.5)
        joints = torch.cat((offsets / 2 + 0.5, visibility), -1)
        pose = torch.cat((centers, joints.flatten(-2)), -1)
        return pose.logit(eps=1e-3)


def _uniform(like: Tensor) -> Tensor:
    """Numbers in [-1, 1]."""
    return 2 * torch.rand_like(like) - 1


def attention_mask(num_queries: int, groups: int, size: int,
                   device: torch.device) -> Tensor:
    """Who must not look at whom, (T, T), T = Q + groups x size: queries not at
    noised people, who are made of the truth, and groups not at each other."""
    group = torch.arange(groups, device=device).repeat_interleave(size)
    group = torch.cat((group.new_full((num_queries, ), -1), group))
    return (group[:, None] != group) & (group >= 0)


def split_queries(fields: Fields, num_queries: int) -> Tuple[Fields, ...]:
    """Fields (L, B, T, ...) -> those of the first Q queries, and the rest."""
    first = {name: x[:, :, :num_queries] for name, x in fields.items()}
    rest = {name: x[:, :, num_queries:] for name, x in fields.items()}
    return first, rest
