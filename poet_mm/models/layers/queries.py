"""What the decoder begins with.

Source: POET (arXiv 2103.12115), section 3, for learned queries; for the
others see ``proposals.py`` and ``denoising.py``.

Letters: B images, Q queries, G x N noised people, K keypoints, T tokens, D
channels. Poses are as in ``prediction.py``.
"""
from typing import Callable, NamedTuple, Optional

import torch
from torch import Tensor

from .denoising import NoisedPeople
from .proposals import Proposals, take_tokens


class Queries(NamedTuple):
    """``content`` and ``position`` code (B, Q, D), the ``pose``
    (B, Q, 2 + 3K) that is corrected, and ``mask`` (B, Q, Q), True where a
    query must not look at another, or None."""
    content: Tensor
    position: Tensor
    pose: Tensor
    mask: Optional[Tensor] = None


def learned_queries(embedding: Tensor, memory: Tensor,
                    num_values: int) -> Queries:
    """Positions (Q, D), the same for all images, without content; poses
    begin in the middle."""
    # len(memory) would be a constant in an exported graph
    position = embedding.expand(memory.shape[0], -1, -1)
    pose = position.new_zeros(1, 1, num_values, dtype=torch.float32)
    return Queries(
        torch.zeros_like(position), position,
        pose.expand(*position.shape[:2], -1))


def proposed_queries(proposals: Proposals, memory: Tensor, num_queries: int,
                     center_embed: Callable[[Tensor], Tensor]) -> Queries:
    """The tokens of the memory (B, T, D) that propose the likeliest people.
    What they propose is taught by its own loss, not by the decoder's."""
    tokens = proposals.best(num_queries)
    pose = take_tokens(proposals.pose.detach(), tokens)
    return Queries(take_tokens(memory, tokens), center_embed(pose), pose)


def add_noised(queries: Queries, noised: NoisedPeople, content: Tensor,
               center_embed: Callable[[Tensor], Tensor]) -> Queries:
    """Append noised people, who share their content (1, D)."""
    content = content.expand(*noised.pose.shape[:2], -1)
    return Queries(
        torch.cat((queries.content, content), 1),
        torch.cat((queries.position, center_embed(noised.pose)), 1),
        torch.cat((queries.pose, noised.pose), 1),
        noised.attention_mask(queries.content.shape[1]))
