"""Run the decoder, and predict a pose for every query.

The same layers read the poses of all decoder layers (paper), or each layer
corrects the poses of the one before (iterative refinement).

Source: POET (arXiv 2103.12115v1), section 3.1. The idea of iterative
refinement is from Deformable DETR (arXiv 2010.04159).

Letters: L decoder layers, B images, Q queries, C person classes, D channels.
"""

from typing import Any, Callable, List, Optional, Sequence, Tuple

import torch
from mmdet.models.layers import MLP
from torch import Tensor, nn

from ..targets import Fields
from .branches import PoseBranch
from .joint_sampling import DetailMaps
from .pose import PoseLogits
from .precision import full_precision
from .queries import Queries
from .tokens import Memory
from .transformer import POETDecoder


def decode(
    decoder: POETDecoder, queries: Queries, memory: Memory, predict: Callable
) -> List[Any]:
    """Return the output of ``predict`` after every decoder layer."""
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
    """Return fields (L, B, Q, ...) by class and pose layers that are shared.

    They read the states of all decoder layers in one call.
    """
    # query_pos stays the same in all layers
    states = decode(
        decoder, queries, memory, lambda _, state: (queries.position, state)
    )
    return read_poses(
        torch.stack(states), queries.pose, class_embed, pose_embed
    )


def read_poses(
    states: Tensor, pose: PoseLogits, class_embed: nn.Linear, pose_embed: MLP
) -> Fields:
    """Correct poses (B, Q) by states (L, B, Q, D), and return their fields."""
    with full_precision(states):  # bf16 is too coarse for pixels
        states = states.float()
        logits = class_embed(states)
        return pose.corrected(pose_embed(states)).fields(logits=logits)


def decode_refining(
    decoder: POETDecoder,
    queries: Queries,
    memory: Memory,
    branches: Sequence[PoseBranch],
    embed_pose: Callable[[PoseLogits], Tensor],
    maps: Optional[DetailMaps],
) -> Fields:
    """Return fields (L, B, Q, ...) by iterative refinement.

    Each layer corrects the poses of the one before, without their gradient.
    The position codes of queries follow the corrected centres.

    Args:
        decoder (POETDecoder): The decoder layers.
        queries (Queries): Input of the first layer.
        memory (Memory): Output of the encoder.
        branches (Sequence[PoseBranch]): One for each layer.
        embed_pose (Callable): Poses (B, Q) -> position codes (B, Q, D).
        maps (DetailMaps, optional): Finer feature maps, for the branches.
    """
    pose = queries.pose

    def refine(layer: int, states: Tensor) -> Tuple[Optional[Tensor], tuple]:
        nonlocal pose
        logits, corrected = branches[layer](states, pose, maps)
        pose = corrected.detach()
        prediction = (logits, corrected.values)
        if layer + 1 == len(branches):
            return None, prediction  # no layer reads another position code
        return embed_pose(pose), prediction

    logits, poses = zip(*decode(decoder, queries, memory, refine))
    return PoseLogits(torch.stack(poses)).fields(
        **{name: torch.stack([x[name] for x in logits]) for name in logits[0]}
    )
