"""What the pieces of the fast POET cost: a training step and the network's
pass over one image, against the faithful POET on the same backbone.

A ratio below 1 is what the fast one takes longer; the floors are 1 / 1.3 and
1 / 1.15. Images of noise with four people each: the small ResNet-18 of the
toy data at 128 pixels (stride 16, no floor: there the backbone is next to
nothing), ResNet-50 at 512 pixels (stride 32).
"""
import torch

from poet_mm.engine.hooks.speed import use_channels_last

from . import measure
from .models import (
    SIZES,
    build_model,
    build_optimizer,
    random_batch,
    read_model_config,
)

THREADS = None
CONFIGS = {
    128: ('poet_r18_toy', 'poet_fast_r18_toy', (None, None)),
    512: ('poet_r50_512_coco', 'poet_fast_r50_512_coco', (1 / 1.3, 1 / 1.15))
}


def make_step(cfg, size, args):
    """A training step, as the runner makes it."""
    model = build_model(cfg, args.device)
    use_channels_last(model)
    optimizer = build_optimizer(model, cfg)
    batch = random_batch(cfg, args.images // 2 * SIZES[size], 4, args.device)
    return lambda: model.train_step(batch, optimizer)


def make_pass(cfg, size, args):
    """An image through the network."""
    model = build_model(cfg, args.device).eval()
    use_channels_last(model)
    image = torch.randn(1, 3, *SIZES[size][0], device=args.device)

    def run():
        with torch.no_grad():
            model.head.forward(model.extract_feat(image))

    return run


def run(args):
    """Two rows for each size."""
    rows = []
    for size in args.sizes[:1] if args.quick else args.sizes:
        *names, floors = CONFIGS[size]
        faithful, fast = (read_model_config(name) for name in names)
        cases = (f'step of {args.images} images', 'one image')
        for case, make, floor in zip(cases, (make_step, make_pass), floors):
            rows.append(
                measure(
                    f'{size} pixels, {case}',
                    'faithful POET',
                    make(faithful, size, args),
                    make(fast, size, args),
                    args.repeat,
                    memory=make is make_step,
                    floor=floor))
    return rows
