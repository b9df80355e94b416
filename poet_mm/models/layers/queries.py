"""Make the input queries of the decoder.

Source: POET (arXiv 2103.12115v1), section 3, for learned queries; for the
others see ``proposals.py`` and ``denoising.py``.

Letters: B images, Q queries, G x N denoising queries, T tokens, D channels.
"""

from typing import Callable, NamedTuple, Optional

import torch
from torch import Tensor

from .denoising import NoisedPeople
from .pose import PoseLogits, take_tokens
from .proposals import Proposals
from .tokens import Memory


class Queries(NamedTuple):
    """Hold the input of the decoder."""

    content: Tensor  # (B, Q, D)
    position: Tensor  # (B, Q, D), position codes
    pose: PoseLogits  # (B, Q), reference pose that the first layer corrects
    mask: Optional[Tensor] = None  # (B, Q, Q), True where attention is blocked


def learned_queries(
    embedding: Tensor, memory: Memory, num_keypoints: int
) -> Queries:
    """Return queries at learned positions (Q, D), the same for all images.

    They have no content. Their poses begin in the middle of the image.
    """
    # len(memory.tokens) would become a constant of the exported graph
    position = embedding.expand(memory.tokens.shape[0], -1, -1)
    pose = position.new_zeros(
        1, 1, PoseLogits.size(num_keypoints), dtype=torch.float32
    )
    return Queries(
        torch.zeros_like(position),
        position,
        PoseLogits(pose.expand(*position.shape[:2], -1)),
    )


def proposed_queries(
    proposals: Proposals,
    tokens: Tensor,
    num_queries: int,
    embed_pose: Callable[[PoseLogits], Tensor],
) -> Queries:
    """Return the Q proposals with the highest person score as queries.

    Their contents are those of ``tokens`` (B, T, D) that proposed them. Their
    poses learn from the loss of the proposals, not from the decoder's.
    ``embed_pose`` returns position codes (B, Q, D) of poses (B, Q).
    """
    best = proposals.best(num_queries)
    pose = proposals.pose.detach().gather(best)
    return Queries(take_tokens(tokens, best), embed_pose(pose), pose)


def append_denoising_queries(
    queries: Queries,
    people: NoisedPeople,
    embed_pose: Callable[[PoseLogits], Tensor],
) -> Queries:
    """Return the queries with denoising queries after them.

    ``embed_pose`` returns position codes (B, Q, D) of poses (B, Q).
    """
    content = people.content.expand(*people.pose.values.shape[:2], -1)
    return Queries(
        torch.cat((queries.content, content), 1),
        torch.cat((queries.position, embed_pose(people.pose)), 1),
        PoseLogits(torch.cat((queries.pose.values, people.pose.values), 1)),
        people.attention_mask(queries.content.shape[1]),
    )
