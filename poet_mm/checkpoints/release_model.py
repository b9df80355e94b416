"""Compute what the authors' release computes, from its weights alone.

Sources: ResNet (arXiv 1512.03385, with the stride on the 3x3 convolution),
attention (arXiv 1706.03762), DETR (arXiv 2005.12872, section 3.2 and appendix
A.3), POET (arXiv 2103.12115v1, section 3). This is an independent reference:
it uses functions of torch, and nothing of poet_mm, mmpose or mmdet. Depth and
width are those of the weights.

Letters: B images, T tokens, Q queries, C channels, L layers, K keypoints. The
last feature map of the backbone has D channels and h x w cells.
``w`` are the weights by the names of the release, ``name`` is the beginning of
the names of a layer.
"""

import math
from itertools import count
from typing import Dict, Iterator, Optional, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor

HEADS = 8  # attention heads of DETR and POET; weights do not show them
Weights = Dict[str, Tensor]


def release_model(
    w: Weights, images: Tensor, padding: Tensor
) -> Tuple[Tensor, Tensor]:
    """Return the logits and poses of all decoder layers.

    Args:
        w (dict): Weights by the names of the release.
        images (Tensor): Normalised images (B, 3, H, W), zero at padding.
        padding (Tensor): Padding mask (B, H, W), True at padding.

    Returns:
        tuple[Tensor, Tensor]: Logits (L, B, Q, 3) and poses (L, B, Q, 2 + 3K)
        in [0, 1]. Poses are the sigmoid of raw outputs: offsets 0 to 1 stand
        for -1 to 1, see :func:`~poet_mm.models.layers.pose.fields_of`.

    Raises:
        KeyError: A weight is missing.
    """
    feat = resnet(w, 'backbone.0.body', images)
    mask = F.interpolate(padding[None].float(), feat.shape[-2:])[0].bool()
    tokens = F.conv2d(feat, w['input_proj.weight'], w['input_proj.bias'])
    position = sine_position(mask, tokens.shape[1]).flatten(1, 2)  # (B, T, C)
    memory, mask = tokens.flatten(2).mT, mask.flatten(1)  # (B, T, C), (B, T)
    for layer in numbered(w, 'transformer.encoder.layers'):
        key = memory + position
        y = attention(w, f'{layer}.self_attn', key, key, memory, mask)
        memory = layer_norm(w, f'{layer}.norm1', memory + y)
        y = feed_forward(w, layer, memory)
        memory = layer_norm(w, f'{layer}.norm2', memory + y)
    states = decode(w, memory, position, mask)  # (L, B, Q, C)
    logits = linear(w, 'class_embed', states)
    *hidden, last = numbered(w, 'kpt_embed.layers')
    for layer in hidden:
        states = linear(w, layer, states).relu()
    return logits, linear(w, last, states).sigmoid()


def numbered(w: Weights, name: str) -> Iterator[str]:
    """Yield ``'name.0'``, ``'name.1'``, ... as far as there are weights.

    The first is always yielded, so that a missing layer raises a KeyError.
    """
    for number in count():
        part = f'{name}.{number}'
        if number and not any(x.startswith(f'{part}.') for x in w):
            return
        yield part


def linear(w: Weights, name: str, x: Tensor) -> Tensor:
    """Apply a linear layer to the last dimension."""
    return F.linear(x, w[f'{name}.weight'], w[f'{name}.bias'])


def layer_norm(w: Weights, name: str, x: Tensor) -> Tensor:
    """Normalise the last dimension."""
    scale, shift = w[f'{name}.weight'], w[f'{name}.bias']
    return F.layer_norm(x, x.shape[-1:], scale, shift)


def conv_norm(
    w: Weights, conv: str, norm: str, x: Tensor, stride: int, padding: int = 0
) -> Tensor:
    """Apply a convolution and a frozen batch norm."""
    x = F.conv2d(x, w[f'{conv}.weight'], stride=stride, padding=padding)
    parts = ('running_mean', 'running_var', 'weight', 'bias')
    return F.batch_norm(x, *(w[f'{norm}.{part}'] for part in parts))


def resnet(w: Weights, name: str, x: Tensor) -> Tensor:
    """Return the last feature map (B, D, h, w), h = H / 32, rounded up."""
    x = conv_norm(w, f'{name}.conv1', f'{name}.bn1', x, 2, 3).relu()
    x = F.max_pool2d(x, 3, 2, 1)
    for stage in range(1, 5):
        for number, block in enumerate(numbered(w, f'{name}.layer{stage}')):
            stride = 2 if stage > 1 and number == 0 else 1
            x = residual_block(w, block, x, stride)
    return x


def residual_block(w: Weights, name: str, x: Tensor, stride: int) -> Tensor:
    """Apply a bottleneck, or a basic block (of ResNet-18 and 34)."""
    if f'{name}.conv3.weight' in w:
        steps = ((1, 1, 0), (2, stride, 1), (3, 1, 0))
    else:
        steps = ((1, stride, 1), (2, 1, 1))
    y = x
    for number, step, padding in steps:
        y = y.relu()  # x has no negative values
        conv, norm = f'{name}.conv{number}', f'{name}.bn{number}'
        y = conv_norm(w, conv, norm, y, step, padding)
    down = f'{name}.downsample'
    if f'{down}.0.weight' in w:
        x = conv_norm(w, f'{down}.0', f'{down}.1', x, stride)
    return (x + y).relu()


def sine_position(mask: Tensor, channels: int) -> Tensor:
    """Return the position code (B, h, w, C) of cells with a mask (B, h, w).

    The first half of the channels is for y, the second for x. Sine and cosine
    alternate. y and x grow from 0 to 2 pi over the cells without padding.
    """
    half = channels // 2
    rates = 10000 ** (2 * (torch.arange(half) // 2) / half)
    codes = []
    for axis in (1, 2):
        place = (~mask).float().cumsum(axis)
        place = place / (place.amax(axis, keepdim=True) + 1e-6) * 2 * math.pi
        angles = place[..., None] / rates  # (B, h, w, C / 2)
        waves = angles[..., ::2].sin(), angles[..., 1::2].cos()
        codes.append(torch.stack(waves, -1).flatten(-2))
    return torch.cat(codes, -1)


def attention(
    w: Weights,
    name: str,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Optional[Tensor] = None,
) -> Tensor:
    """Attend from queries (B, Q, C) to keys and values (B, T, C).

    A mask (B, T) is True at tokens of padding, which are not seen.
    """
    q, k, v = (
        F.linear(x, weight, bias).unflatten(-1, (HEADS, -1)).transpose(1, 2)
        for x, weight, bias in zip(
            (query, key, value),
            w[f'{name}.in_proj_weight'].chunk(3),
            w[f'{name}.in_proj_bias'].chunk(3),
        )
    )  # (B, HEADS, Q or T, C / HEADS)
    seen = None if mask is None else ~mask[:, None, None]
    out = F.scaled_dot_product_attention(q, k, v, seen)
    return linear(w, f'{name}.out_proj', out.transpose(1, 2).flatten(2))


def feed_forward(w: Weights, layer: str, x: Tensor) -> Tensor:
    """Apply the feed-forward network of a layer."""
    hidden = linear(w, f'{layer}.linear1', x).relu()
    return linear(w, f'{layer}.linear2', hidden)


def decode(
    w: Weights, memory: Tensor, position: Tensor, mask: Tensor
) -> Tensor:
    """Return the states of the queries after every layer, (L, B, Q, C)."""
    query_pos = w['query_embed.weight'].expand(len(memory), -1, -1)
    x, states = torch.zeros_like(query_pos), []
    key = memory + position
    for layer in numbered(w, 'transformer.decoder.layers'):
        query = x + query_pos
        y = attention(w, f'{layer}.self_attn', query, query, x)
        x = layer_norm(w, f'{layer}.norm1', x + y)
        y = attention(
            w, f'{layer}.multihead_attn', x + query_pos, key, memory, mask
        )
        x = layer_norm(w, f'{layer}.norm2', x + y)
        x = layer_norm(w, f'{layer}.norm3', x + feed_forward(w, layer, x))
        states.append(layer_norm(w, 'transformer.decoder.norm', x))
    return torch.stack(states)
