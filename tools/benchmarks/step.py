"""Compare a training step of POET with one of the same model without poet_mm.

That is mmdet's layers and a loop over people. The run asserts the same loss
without dropout. Both sides train in float32; ours once more in bfloat16, on
devices that have it. The images are noise with four people each: the small
ResNet-18 of the toy data at 128 pixels (stride 16), ResNet-50 at 512 pixels
and at 800 x 1333 (stride 32).
"""

import torch

from poet_mm.engine.hooks.speed import use_channels_last
from poet_mm.engine.optim_wrappers import has_bfloat16

from . import measure
from .models import (
    SIZES,
    as_stock,
    build_model,
    build_optimizer,
    random_batch,
    read_model_config,
)

THREADS = None
CONFIGS = {
    128: 'poet_r18_toy',
    512: 'poet_r50_512_coco',
    1333: 'poet_r50_coco',
}


def make_step(model, cfg, batch, **wrapper):
    """Return a function that trains a model for one step."""
    optimizer = build_optimizer(model, cfg, **wrapper)
    return lambda: model.train_step(batch, optimizer)


@torch.no_grad()
def total_loss(model, batch):
    """Return the loss of a batch without dropout."""
    model.eval()
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        data = model.data_preprocessor(batch, True)
        loss, _ = model.parse_losses(model.loss(**data))
    model.train()
    return loss


def run(args, sizes=(128, 512, 1333)):
    """Return rows of every size."""
    rows = []
    for size in sizes[:2] if args.quick else sizes:
        rows += measure_size(size, args)
    return rows


def measure_size(size, args):
    """Return a row in float32, and in bfloat16 where the device has it."""
    cfg = read_model_config(CONFIGS[size])
    batch = random_batch(cfg, SIZES[size], 4, args.device)
    ours = build_model(cfg, args.device)
    stock = as_stock(ours, cfg)
    use_channels_last(ours)
    torch.testing.assert_close(
        total_loss(ours, batch), total_loss(stock, batch), rtol=1e-4, atol=0
    )
    wrappers = dict(float32={})
    if has_bfloat16(torch.device(args.device).type):
        wrappers['bfloat16'] = dict(type='BFloat16OptimWrapper')
    return [
        measure(
            f'{len(SIZES[size])} x {size} pixels, ours in {dtype}',
            'mmdet layers, loop',
            make_step(stock, cfg, batch),
            make_step(ours, cfg, batch, **wrapper),
            args,
            memory=True,
        )
        for dtype, wrapper in wrappers.items()
    ]
