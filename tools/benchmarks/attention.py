"""Attention in training, forward and backward, against mmcv's
``MultiheadAttention`` as mmdet's DETR layers use it (256 channels, 8 heads,
dropout 0.1); same output and gradients without dropout, asserted in the run.

Tokens: 256, 1,024, 4,096 and 16,384 are strides 32, 16, 8 and 4 of 512 x 512
pixels; 850 and 3,350 those of 32 and 16 of a photo at 800 pixels. A quarter of
the tokens of every second image is padding, as in a batch of photos.
"""
import copy

import torch
from mmcv.cnn.bricks.transformer import MultiheadAttention as Incumbent

from poet_mm.models.layers.attention import MultiheadAttention

from . import Row, available_mb, measure, measure_one

THREADS = None
CHANNELS, HEADS, DROPOUT = 256, 8, 0.1
FLOORED = (850, 3350, 4096)


def build(dropout, device):
    """-> mmcv's attention and ours with the same weights."""
    theirs = Incumbent(
        CHANNELS, HEADS, dropout=dropout, batch_first=True).to(device)
    ours = MultiheadAttention(CHANNELS, HEADS, dropout).to(device)
    state = {
        name.replace('attn.in_proj_', 'in_proj.').replace('attn.', ''): value
        for name, value in theirs.state_dict().items()
    }
    ours.load_state_dict(copy.deepcopy(state))
    return theirs, ours


def make_step(module, tokens, num_images, device):
    """A function that goes forward and backward once."""
    torch.manual_seed(0)
    shape = (num_images, tokens, CHANNELS)
    x = torch.randn(shape, device=device, requires_grad=True)
    position = torch.randn(shape, device=device)
    padding = torch.zeros(shape[:2], dtype=torch.bool, device=device)
    padding[1::2, 3 * tokens // 4:] = True

    def step():
        x.grad = None
        out = module(
            x,
            x,
            x,
            query_pos=position,
            key_pos=position,
            key_padding_mask=padding)
        out.square().mean().backward()
        return out.detach(), x.grad

    return step


def check_equal(device):
    """Assert equal outputs and gradients, to 1e-5 of the largest."""
    results = [
        make_step(module, 300, 2, device)() for module in build(0.0, device)
    ]
    for theirs, ours in zip(*results):
        scale = theirs.abs().max()
        torch.testing.assert_close(
            theirs / scale, ours / scale, rtol=0, atol=1e-5)


def run(args):
    """All numbers of tokens; the incumbent where its memory suffices."""
    check_equal(args.device)
    tokens = [n for n in args.tokens if n <= 1024 or not args.quick]
    return [measure_tokens(n, args) for n in tokens]


def measure_tokens(tokens, args) -> Row:
    """One row."""
    images = args.images
    repeat = args.repeat if tokens < 2000 else max(2, args.repeat // 3)
    steps = [
        make_step(module, tokens, images, args.device)
        for module in build(DROPOUT, args.device)
    ]
    labels = dict(
        case=f'{tokens} tokens, {images} image(s)',
        incumbent='mmcv MultiheadAttention',
        floor=3 if tokens in FLOORED else None,
        tokens=tokens)
    weights_mb = images * HEADS * tokens**2 * 4 / 2**20
    if 5 * weights_mb > 0.8 * available_mb():
        return measure_one(
            ours=steps[1],
            repeat=2,
            note=f'the incumbent needs more than {5 * weights_mb:.0f} MB',
            **labels)
    return measure(
        theirs=steps[0], ours=steps[1], repeat=repeat, memory=True, **labels)
