"""Compute what the authors' release computes, from its weights alone.

Sources: ResNet (arXiv 1512.03385, with the stride on the 3x3 convolution),
attention (arXiv 1706.03762), DETR (arXiv 2005.12872, section 3.2 and appendix
A.3), POET (arXiv 2103.12115, section 3). This is an independent reference: it
uses functions of torch, and nothing of poet_mm, mmpose or mmdet. Depth and
width are those of the weights.

Letters: B images, T tokens, Q queries, C channels, L layers, K keypoints.
"""

import math
from typing import Dict, Iterator, Optional, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor

HEADS = 8


def release_model(
    weights: Dict[str, Tensor], images: Tensor, padding: Tensor
) -> Tuple[Tensor, Tensor]:
    """Predict poses.

    Args:
        weights (dict): Weights by the names of the release.
        images (Tensor): Normalised images (B, 3, H, W), zero at padding.
        padding (Tensor): Padding mask (B, H, W), True at padding.

    Returns:
        tuple[Tensor, Tensor]: Logits (L, B, Q, 3) and poses (L, B, Q, 2 + 3K)
        in [0, 1].
    """
    net = Part(weights)
    feat = resnet(net['backbone.0.body'], images)
    mask = F.interpolate(padding[None].float(), feat.shape[-2:])[0].bool()
    tokens = F.conv2d(
        feat, net('input_proj.weight'), net('input_proj.bias')
    )  # (B, C, h, w)
    position = sine_code(mask, tokens.shape[1]).flatten(1, 2)  # (B, T, C)
    memory, mask = tokens.flatten(2).mT, mask.flatten(1)  # (B, T, C), (B, T)
    for layer in net['transformer.encoder.layers'].numbered():
        key = memory + position
        y = attention(layer['self_attn'], key, key, memory, mask)
        memory = layer_norm(layer['norm1'], memory + y)
        memory = feed_forward(layer, layer['norm2'], memory)
    states = decode(net, memory, position, mask)  # (L, B, Q, C)
    logits = linear(net['class_embed'], states)
    *hidden, last = net['kpt_embed.layers'].numbered()
    for layer in hidden:
        states = linear(layer, states).relu()
    return logits, linear(last, states).sigmoid()


class Part:
    """The weights whose names begin with a prefix."""

    def __init__(self, weights: Dict[str, Tensor], prefix: str = '') -> None:
        self.weights, self.prefix = weights, prefix

    def __getitem__(self, name: str) -> 'Part':
        return Part(self.weights, f'{self.prefix}{name}.')

    def __call__(self, name: str) -> Tensor:
        """Return the weight of a name."""
        return self.weights[self.prefix + name]

    def __contains__(self, name: str) -> bool:
        return any(x.startswith(f'{self.prefix}{name}.') for x in self.weights)

    def numbered(self) -> Iterator['Part']:
        """Yield the parts 0, 1, ..."""
        number = 0
        while str(number) in self:
            yield self[str(number)]
            number += 1


def linear(part: Part, x: Tensor) -> Tensor:
    """Apply a linear layer to the last dimension."""
    return F.linear(x, part('weight'), part('bias'))


def layer_norm(part: Part, x: Tensor) -> Tensor:
    """Normalise the last dimension."""
    return F.layer_norm(x, x.shape[-1:], part('weight'), part('bias'))


def conv_norm(
    conv: Part, norm: Part, x: Tensor, stride: int = 1, padding: int = 0
) -> Tensor:
    """Apply a convolution and a frozen batch norm."""
    x = F.conv2d(x, conv('weight'), stride=stride, padding=padding)
    return F.batch_norm(
        x,
        norm('running_mean'),
        norm('running_var'),
        norm('weight'),
        norm('bias'),
    )


def resnet(net: Part, x: Tensor) -> Tensor:
    """Return the last feature map (B, C, H / 32, W / 32)."""
    x = conv_norm(net['conv1'], net['bn1'], x, 2, 3).relu()
    x = F.max_pool2d(x, 3, 2, 1)
    for stage in range(1, 5):
        for number, block in enumerate(net[f'layer{stage}'].numbered()):
            stride = 2 if stage > 1 and number == 0 else 1
            x = residual_block(block, x, stride)
    return x


def residual_block(block: Part, x: Tensor, stride: int) -> Tensor:
    """Apply a bottleneck, or a basic block (of ResNet-18 and 34)."""
    if 'conv3' in block:
        steps = ((1, 1, 0), (2, stride, 1), (3, 1, 0))
    else:
        steps = ((1, stride, 1), (2, 1, 1))
    y = x
    for number, step, padding in steps:
        conv, norm = block[f'conv{number}'], block[f'bn{number}']
        y = conv_norm(
            conv, norm, y if number == 1 else y.relu(), step, padding
        )
    if 'downsample' in block:
        x = conv_norm(block['downsample.0'], block['downsample.1'], x, stride)
    return (x + y).relu()


def sine_code(mask: Tensor, channels: int) -> Tensor:
    """Return the position code (B, h, w, C) of cells with a mask (B, h, w).

    The first half of the channels is for y, the second for x. Sine and cosine
    alternate. y and x run to 2 pi over the cells that are not padding.
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
    part: Part,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Optional[Tensor] = None,
) -> Tensor:
    """Attend from queries (B, Q, C) to keys and values (B, T, C).

    A mask (B, T) is True at tokens of padding, which are not seen.
    """
    q, k, v = (
        F.linear(x, w, b).unflatten(-1, (HEADS, -1)).transpose(1, 2)
        for x, w, b in zip(
            (query, key, value),
            part('in_proj_weight').chunk(3),
            part('in_proj_bias').chunk(3),
        )
    )  # (B, heads, Q or T, C / heads)
    seen = None if mask is None else ~mask[:, None, None]
    out = F.scaled_dot_product_attention(q, k, v, seen)
    return linear(part['out_proj'], out.transpose(1, 2).flatten(2))


def feed_forward(layer: Part, norm: Part, x: Tensor) -> Tensor:
    """Apply the feed-forward network of a layer, and normalise."""
    y = linear(layer['linear2'], linear(layer['linear1'], x).relu())
    return layer_norm(norm, x + y)


def decode(
    net: Part, memory: Tensor, position: Tensor, mask: Tensor
) -> Tensor:
    """Return the states of the queries after every layer, (L, B, Q, C)."""
    code = net('query_embed.weight').expand(len(memory), -1, -1)
    x, states = torch.zeros_like(code), []
    key = memory + position
    for layer in net['transformer.decoder.layers'].numbered():
        y = attention(layer['self_attn'], x + code, x + code, x)
        x = layer_norm(layer['norm1'], x + y)
        y = attention(layer['multihead_attn'], x + code, key, memory, mask)
        x = layer_norm(layer['norm2'], x + y)
        x = feed_forward(layer, layer['norm3'], x)
        states.append(layer_norm(net['transformer.decoder.norm'], x))
    return torch.stack(states)
