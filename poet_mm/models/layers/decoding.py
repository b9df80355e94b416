"""Decode queries, and read their poses: shared, as in the paper, or refining.

Source: POET (arXiv 2103.12115), section 3.1; iterative refinement, as an idea,
Deformable DETR (arXiv 2010.04159).

Letters: L decoder layers, B images, Q queries, C person classes, D channels.
"""

from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import torch
from mmdet.models.layers import MLP
from torch import Tensor, nn

from .joint_sampling import DetailMaps
from .pose import PoseBranch, PoseLogits
from .precision import full_precision
from .queries import Memory, Queries
from .transformer import POETDecoder

Fields = Dict[str, Tensor]


def decode(
    decoder: POETDecoder, queries: Queries, memory: Memory, predict: Callable
) -> List[Any]:
    """Return what ``predict`` gives after every layer of the decoder."""
    return decoder(
        queries.content,
        queries.position,
        predict,
        key=memory.tokens,
        value=memory.tokens,
        key_pos=memory.position,
        key_padding_mask=memory.region.token_mask,
        self_attn_mask=queries.mask,
    )


def decode_shared(
    decoder: POETDecoder,
    queries: Queries,
    memory: Memory,
    class_embed: nn.Linear,
    pose_embed: MLP,
) -> Fields:
    """Return fields (L, B, Q, ...), read by the same layers after each layer.

    All layers' states are read at once.
    """
    states = decode(
        decoder, queries, memory, lambda _, state: (queries.position, state)
    )
    return read_poses(
        torch.stack(states), queries.pose, class_embed, pose_embed
    )


def read_poses(
    states: Tensor, pose: PoseLogits, class_embed: nn.Linear, pose_embed: MLP
) -> Fields:
    """Return the fields of states (L, B, Q, D), which correct poses (B, Q)."""
    with full_precision(states):  # bf16 is too coarse for pixels
        states = states.float()
        logits = class_embed(states)
        return pose.moved(pose_embed(states)).fields(logits)


def decode_refining(
    decoder: POETDecoder,
    queries: Queries,
    memory: Memory,
    branches: Sequence[PoseBranch],
    place: Callable[[PoseLogits], Tensor],
    detail: Optional[DetailMaps],
) -> Fields:
    """Return fields (L, B, Q, ...) by iterative refinement.

    Each layer corrects the poses of the one before, without their gradient,
    and queries move with their centres.

    Args:
        decoder (POETDecoder): The layers.
        queries (Queries): Where they begin.
        memory (Memory): What they look at.
        branches (Sequence[PoseBranch]): One for each layer.
        place (Callable): Poses -> position codes (B, Q, D) of their queries.
        detail (DetailMaps, optional): Finer feature maps, for the branches.
    """
    pose = queries.pose

    def refine(layer: int, states: Tensor) -> Tuple[Optional[Tensor], tuple]:
        nonlocal pose
        logits, corrected = branches[layer](states, pose, detail)
        pose = corrected.detach()
        last = layer + 1 == len(branches)
        return (None if last else place(pose)), (logits, corrected.values)

    logits, poses = zip(*decode(decoder, queries, memory, refine))
    return PoseLogits(torch.stack(poses)).fields(torch.stack(logits))
