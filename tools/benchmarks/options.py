"""What each choice of time against memory does to a training step, against the
same POET without it. How to choose them: README, "Train".

Two photos of noise at 512 pixels on ResNet-50; recomputing the encoder is
shown at stride 8 (DC4+DC5), where it has 4,096 tokens.
"""

from mmengine.model.efficient_conv_bn_eval import (
    turn_on_efficient_conv_bn_eval,
)

from poet_mm.engine.hooks.speed import (
    CompileHook,
    can_compile,
    use_channels_last,
)
from poet_mm.engine.optim_wrappers import has_bfloat16

from . import measure
from .models import (
    SIZES,
    build_model,
    build_optimizer,
    random_batch,
    read_model_config,
)

THREADS = None
NAME = 'poet_r50_512_coco'
NAME_STRIDE_8 = 'poet_dc45_r50_512_coco'


class TrainStep:
    """The model of a config with its optimiser and a batch."""

    def __init__(self, args, name=NAME, **wrapper):
        cfg = read_model_config(name)
        self.model = build_model(cfg, args.device)
        sizes = args.images // 2 * SIZES[512]
        self.batches = [random_batch(cfg, sizes, 4, args.device)]
        self.optimizer = build_optimizer(self.model, cfg, **wrapper)

    def __call__(self):
        for batch in self.batches:
            self.model.train_step(batch, self.optimizer)


def channels_last(args):
    step = TrainStep(args)
    use_channels_last(step.model)
    return step


def bfloat16(args):
    return TrainStep(args, type='BFloat16OptimWrapper')


def folded_batch_norm(args):
    step = TrainStep(args)
    turn_on_efficient_conv_bn_eval(step.model, 'backbone')
    return step


def accumulate(args):
    """Two steps of half the batch, one update."""
    step = TrainStep(args, accumulative_counts=2)
    batch = step.batches[0]
    half = args.images // 2
    step.batches = [{key: values[part]
                     for key, values in batch.items()}
                    for part in (slice(half), slice(half, None))]
    return step


def compiled(args):
    step = TrainStep(args)
    CompileHook().compile(step.model)
    return step


def plain_stride_8(args):
    return TrainStep(args, NAME_STRIDE_8)


def recompute_encoder(args):
    step = plain_stride_8(args)
    step.model.head.encoder.num_checkpointed = 6
    return step


def bfloat16_stride_8(args):
    return TrainStep(args, NAME_STRIDE_8, type='BFloat16OptimWrapper')


OPTIONS = {
    'ChannelsLastHook': channels_last,
    '--amp bfloat16': bfloat16,
    'efficient_conv_bn_eval=[backbone]': folded_batch_norm,
    'optim_wrapper.accumulative_counts=2, half the batch': accumulate,
    'CompileHook (backbone, encoder)': compiled,
}


OPTIONS_STRIDE_8 = {
    'model.head.encoder.num_cp=6': recompute_encoder,
    '--amp bfloat16': bfloat16_stride_8,
}
SLOW = (compiled, recompute_encoder, bfloat16_stride_8)


def makes_sense(option, args):
    """Whether an option does anything here but slow a step down."""
    if args.quick and option in SLOW:
        return False
    if option is channels_last:
        return args.device == 'cuda'
    if option is compiled:
        return can_compile()
    if option in (bfloat16, bfloat16_stride_8):
        return has_bfloat16(args.device)
    return True


def run(args):
    """One row per option; the model is built anew for each."""
    repeat = max(2, args.repeat // 3)
    return [
        measure(f'stride {stride}, {name}', 'poet_mm without', plain(args),
                option(args), repeat, memory=True)
        for stride, plain, options in ((32, TrainStep, OPTIONS),
                                       (8, plain_stride_8, OPTIONS_STRIDE_8))
        for name, option in options.items() if makes_sense(option, args)
    ]
