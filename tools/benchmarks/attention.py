"""Compare attention, forward and backward, with mmcv's.

mmcv's ``MultiheadAttention`` is what mmdet's DETR layers use: 256 channels, 8
heads. Dropout is 0.1 on a GPU and 0 on a CPU, where torch has no fused kernel
with dropout. The run asserts the same output and gradients without dropout.

Tokens: 256, 1,024 and 4,096 are strides 32, 16 and 8 of 512 x 512 pixels; 850
and 3,350 are strides 32 and 16 of a photo at 800 pixels. A quarter of the
tokens of every second image is padding, as in a batch of photos.
"""

import copy

import torch
from mmcv.cnn.bricks.transformer import MultiheadAttention as Incumbent

from poet_mm.models.layers.attention import MultiheadAttention

from . import measure

THREADS = None
CHANNELS, HEADS = 256, 8


def build(dropout, device):
    """Return mmcv's attention and ours with the same weights."""
    theirs = Incumbent(CHANNELS, HEADS, dropout=dropout, batch_first=True).to(
        device
    )
    ours = MultiheadAttention(CHANNELS, HEADS, dropout).to(device)
    state = {
        name.replace('attn.in_proj_', 'in_proj.').replace('attn.', ''): value
        for name, value in theirs.state_dict().items()
    }
    ours.load_state_dict(copy.deepcopy(state))
    return theirs, ours


def make_step(module, tokens, num_images, device):
    """Return a function that goes forward and backward once."""
    torch.manual_seed(0)
    shape = (num_images, tokens, CHANNELS)
    x = torch.randn(shape, device=device, requires_grad=True)
    position = torch.randn(shape, device=device)
    padding = torch.zeros(shape[:2], dtype=torch.bool, device=device)
    padding[1::2, 3 * tokens // 4 :] = True

    def step():
        x.grad = None
        out = module(
            x,
            x,
            x,
            query_pos=position,
            key_pos=position,
            key_padding_mask=padding,
        )
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
            theirs / scale, ours / scale, rtol=0, atol=1e-5
        )


def run(args, tokens=(256, 850, 1024, 3350, 4096), num_images=2):
    """Return a row for every number of tokens."""
    check_equal(args.device)
    dropout = 0.1 if args.device == 'cuda' else 0.0
    rows = []
    for n in tokens:
        if args.quick and n > 1024:
            continue
        steps = [
            make_step(module, n, num_images, args.device)
            for module in build(dropout, args.device)
        ]
        rows.append(
            measure(
                f'{n} tokens, {num_images} images',
                'mmcv MultiheadAttention',
                *steps,
                args,
                memory=True,
            )
        )
    return rows
