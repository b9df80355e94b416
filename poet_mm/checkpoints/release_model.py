"""The model of the authors' release, from its weights and the equations.

Sources: ResNet (arXiv 1512.03385, with the stride on the 3x3 convolution),
attention (arXiv 1706.03762), DETR (arXiv 2005.12872, section 3.2 and appendix
A.3), POET (arXiv 2103.12115, section 3). Nothing of poet_mm, mmpose, mmdet or
torch's modules is used here; depth and width are those of the weights.

Letters: B images, T tokens, Q queries, H heads, C channels, L layers.
"""

import math

import torch

EPS = 1e-5
HEADS = 8


def release_model(weights, images, padding, heads=HEADS):
    """Weights by the release's names, images (B, 3, H, W) and their padding
    (B, H, W) -> logits (L, B, Q, 3), poses (L, B, Q, 2 + 3K) in [0, 1].
    """
    net = Part(weights)
    feat = resnet(net['backbone.0.body'], images)
    mask = at_cells(padding, *feat.shape[-2:])  # (B, h, w)
    tokens = torch.einsum(
        'oc,bchw->bhwo', net('input_proj.weight')[..., 0, 0], feat
    ) + net('input_proj.bias')
    position = sine_code(mask, tokens.shape[-1]).flatten(1, 2)
    memory, mask = tokens.flatten(1, 2), mask.flatten(1)  # (B, T, C), (B, T)
    for layer in net['transformer.encoder.layers'].numbered():
        memory = encoder_layer(layer, memory, position, mask, heads)
    states = decode(net, memory, position, mask, heads)  # (L, B, Q, C)
    logits = linear(net['class_embed'], states)
    *hidden, last = net['kpt_embed.layers'].numbered()
    for layer in hidden:
        states = linear(layer, states).clamp(min=0)
    return logits, 1 / (1 + torch.exp(-linear(last, states)))


class Part:
    """Weights whose names begin alike."""

    def __init__(self, weights, prefix=''):
        self.weights, self.prefix = weights, prefix

    def __getitem__(self, name):
        return Part(self.weights, f'{self.prefix}{name}.')

    def __call__(self, name):
        return self.weights[self.prefix + name]

    def __contains__(self, name):
        return any(x.startswith(f'{self.prefix}{name}.') for x in self.weights)

    def numbered(self):
        number = 0
        while str(number) in self:
            yield self[str(number)]
            number += 1


def linear(part, x):
    return x @ part('weight').T + part('bias')


def layer_norm(part, x):
    x = x - x.mean(-1, keepdim=True)
    x = x / (x.pow(2).mean(-1, keepdim=True) + EPS).sqrt()
    return x * part('weight') + part('bias')


def conv(part, x, stride=1, padding=0):
    return torch.conv2d(x, part('weight'), stride=stride, padding=padding)


def frozen_norm(part, x):
    scale = part('weight') / (part('running_var') + EPS).sqrt()
    shift = part('bias') - part('running_mean') * scale
    return x * scale[:, None, None] + shift[:, None, None]


def resnet(net, x):
    """The last feature map, of bottlenecks or (ResNet-18, 34) basic blocks."""
    x = frozen_norm(net['bn1'], conv(net['conv1'], x, 2, 3)).clamp(min=0)
    x = torch.max_pool2d(x, 3, 2, 1)
    for stage in range(1, 5):
        for number, block in enumerate(net[f'layer{stage}'].numbered()):
            stride = 2 if stage > 1 and number == 0 else 1
            x = residual_block(block, x, stride)
    return x


def residual_block(block, x, stride):
    if 'conv3' in block:
        steps = ((1, 1, 0), (2, stride, 1), (3, 1, 0))
    else:
        steps = ((1, stride, 1), (2, 1, 1))
    y = x
    for number, step, padding in steps:
        y = conv(block[f'conv{number}'], y, step, padding)
        y = frozen_norm(block[f'bn{number}'], y)
        if number < len(steps):
            y = y.clamp(min=0)
    if 'downsample' in block:
        x = conv(block['downsample.0'], x, stride)
        x = frozen_norm(block['downsample.1'], x)
    return (x + y).clamp(min=0)


def at_cells(padding, height, width):
    """The mask at the upper left pixel of every cell, (B, height, width)."""
    H, W = padding.shape[1:]
    rows = [row * H // height for row in range(height)]
    columns = [column * W // width for column in range(width)]
    return padding[:, rows][:, :, columns]


def sine_code(mask, channels):
    """(B, h, w, C): half the channels for y, then half for x, which run to
    2 pi over the cells that are not padding; sine and cosine alternate.
    """
    inside = (~mask).float()
    code = mask.new_zeros(*mask.shape, channels, dtype=torch.float)
    half = channels // 2
    for axis in (1, 2):
        place = inside.cumsum(axis)
        place = place / (place.max(axis, keepdim=True)[0] + 1e-6) * 2 * math.pi
        for i in range(half):
            wave = math.sin if i % 2 == 0 else math.cos
            angle = place / 10000 ** (2 * (i // 2) / half)
            code[..., (axis - 1) * half + i].copy_(angle).apply_(wave)
    return code


def attention(part, query, key, value, mask, heads):
    """(B, Q, C), (B, T, C) twice and a mask (B, T), True where none looks."""
    q, k, v = (
        (x @ w.T + b).unflatten(-1, (heads, -1))
        for x, w, b in zip(
            (query, key, value),
            part('in_proj_weight').chunk(3),
            part('in_proj_bias').chunk(3),
        )
    )
    scores = torch.einsum('bqhc,bthc->bhqt', q, k) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores - 1e30 * mask[:, None, None].float()
    weights = torch.exp(scores - scores.max(-1, keepdim=True)[0])
    weights = weights / weights.sum(-1, keepdim=True)
    out = torch.einsum('bhqt,bthc->bqhc', weights, v).flatten(-2)
    return linear(part['out_proj'], out)


def feed_forward(layer, x):
    return linear(layer['linear2'], linear(layer['linear1'], x).clamp(min=0))


def encoder_layer(layer, x, position, mask, heads):
    y = attention(
        layer['self_attn'], x + position, x + position, x, mask, heads
    )
    x = layer_norm(layer['norm1'], x + y)
    return layer_norm(layer['norm2'], x + feed_forward(layer, x))


def decode(net, memory, position, mask, heads):
    """States of the queries after every layer, (L, B, Q, C)."""
    code = net('query_embed.weight').expand(len(memory), -1, -1)
    x, states = torch.zeros_like(code), []
    for layer in net['transformer.decoder.layers'].numbered():
        y = attention(layer['self_attn'], x + code, x + code, x, None, heads)
        x = layer_norm(layer['norm1'], x + y)
        y = attention(
            layer['multihead_attn'],
            x + code,
            memory + position,
            memory,
            mask,
            heads,
        )
        x = layer_norm(layer['norm2'], x + y)
        x = layer_norm(layer['norm3'], x + feed_forward(layer, x))
        states.append(layer_norm(net['transformer.decoder.norm'], x))
    return torch.stack(states)
