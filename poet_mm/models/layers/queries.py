"""What the decoder begins with.

Source: POET (arXiv 2103.12115), section 3, for learned queries; for the
others see ``proposals.py`` and ``denoising.py``.

Letters: B images, Q queries, G x N denoising queries, T tokens, D channels.
"""

from typing import Callable, NamedTuple, Optional

import torch
from torch import Tensor

from .denoising import NoisedPeople
from .padding import ValidRegion
from .pose import PoseLogits, take_tokens
from .proposals import Proposals


class Memory(NamedTuple):
    """What the decoder looks at.

    The encoder's ``tokens`` (B, T, D), their ``position`` codes (B, T, D), and
    the valid ``region`` of the feature map whose cells they are.
    """

    tokens: Tensor
    position: Tensor
    region: ValidRegion


class Queries(NamedTuple):
    """What the decoder begins with.

    ``content`` and ``position`` code (B, Q, D), the ``pose`` (B, Q) that is
    corrected, and ``mask`` (B, Q, Q), True where a query must not see another,
    or None.
    """

    content: Tensor
    position: Tensor
    pose: PoseLogits
    mask: Optional[Tensor] = None


def learned_queries(
    embedding: Tensor, memory: Memory, num_keypoints: int
) -> Queries:
    """Return queries at learned positions (Q, D), the same for all images.

    They have no content. Their poses begin in the middle of the image.
    """
    # len(memory) would be a constant in an exported graph
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
    memory: Memory,
    num_queries: int,
    place: Callable[[PoseLogits], Tensor],
) -> Queries:
    """Return as queries the Q tokens that propose the likeliest people.

    Their poses are learned through the loss of the proposals, not through the
    decoder's. ``place`` gives the position codes of poses.
    """
    tokens = proposals.best(num_queries)
    pose = proposals.pose.detach().take(tokens)
    return Queries(take_tokens(memory.tokens, tokens), place(pose), pose)


def add_noised(
    queries: Queries,
    noised: NoisedPeople,
    place: Callable[[PoseLogits], Tensor],
) -> Queries:
    """Return the queries with denoising queries after them.

    ``place`` gives the position codes of poses.
    """
    content = noised.content.expand(*noised.pose.values.shape[:2], -1)
    return Queries(
        torch.cat((queries.content, content), 1),
        torch.cat((queries.position, place(noised.pose)), 1),
        PoseLogits(torch.cat((queries.pose.values, noised.pose.values), 1)),
        noised.attention_mask(queries.content.shape[1]),
    )
