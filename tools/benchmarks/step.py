"""A whole training step of POET, phase by phase, against the same model on
mmdet's layers and a loop over people; same loss without dropout, asserted in
the run.

Both sides train in float32; ours then once more in bfloat16, on devices that
have it. Images of noise
with four people each: the small ResNet-18 of the toy data at 128 pixels
(stride 16), ResNet-50 at 512 pixels and at 800 x 1333 (stride 32).
"""
import torch
from torch.utils.flop_counter import FlopCounterMode

from poet_mm.engine.hooks.speed import use_channels_last
from poet_mm.engine.optim_wrappers import has_bfloat16
from poet_mm.models.targets import stack_targets

from . import Row, as_timing, peak_mb, time_call
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
    1333: 'poet_r50_coco'
}
PHASES = ('input', 'backbone', 'head', 'matching + loss', 'backward',
          'optimiser')


class Step:
    """A training step that keeps the seconds of its phases."""

    def __init__(self, model, optimizer, batch) -> None:
        self.model, self.optimizer, self.batch = model, optimizer, batch
        self.seconds = {phase: [] for phase in PHASES}

    def __call__(self):
        state = {}
        for phase in PHASES:
            run = getattr(self, f'_{phase.split()[0]}')
            with self.optimizer.optim_context(self.model):
                self.seconds[phase].append(
                    time_call(lambda run=run: run(state)))
        return float(state['loss'])

    def _input(self, state):
        state.update(self.model.data_preprocessor(self.batch, True))

    def _backbone(self, state):
        state['feats'] = self.model.extract_feat(state['inputs'])

    def _head(self, state):
        state['outputs'] = self.model.head.forward(state['feats'],
                                                   state['data_samples'])

    def _matching(self, state):
        targets, num_people = stack_targets(state['data_samples'])
        losses = self.model.head.loss_module(state['outputs'], targets,
                                             num_people)
        state['loss'] = sum(losses.values())

    def _backward(self, state):
        self.optimizer.backward(state['loss'])

    def _optimiser(self, state):
        self.optimizer.step()
        self.optimizer.zero_grad()


def check_equal(models, cfg, batch):
    """Assert that all models give the same loss."""
    losses = []
    for model in models:
        model.eval()
        with torch.no_grad(), torch.backends.cudnn.flags(
                enabled=True, allow_tf32=False):
            step = Step(model, build_optimizer(model, cfg), batch)
            state = {}
            for phase in ('_input', '_backbone', '_head', '_matching'):
                getattr(step, phase)(state)
        losses.append(float(state['loss']))
        model.train()
    for loss in losses[1:]:
        assert abs(loss - losses[0]) < 1e-4 * losses[0], losses


def run(args):
    """Rows of every phase, then of the whole step."""
    rows = []
    for size in args.sizes[:2] if args.quick else args.sizes:
        rows += measure_size(size, args)
    return rows


def measure_size(size, args):
    cfg = read_model_config(CONFIGS[size])
    batch = random_batch(cfg, args.images // 2 * SIZES[size], 4, args.device)
    ours = build_model(cfg, args.device)
    stock = as_stock(ours, cfg)
    use_channels_last(ours)
    check_equal((stock, ours), cfg, batch)
    steps = dict(
        stock=Step(stock, build_optimizer(stock, cfg), batch),
        fp32=Step(ours, build_optimizer(ours, cfg), batch))
    if has_bfloat16(torch.device(args.device).type):
        bfloat16 = dict(type='BFloat16OptimWrapper')
        steps['bf16'] = Step(ours, build_optimizer(ours, cfg, **bfloat16),
                             batch)
    for step in steps.values():
        step()
        step.seconds = {phase: [] for phase in PHASES}
    for _ in range(max(2, args.repeat // 3)):
        for step in steps.values():
            step()
    # what follows calls the steps again: those calls do not count
    seconds = {name: step.seconds for name, step in steps.items()}
    for step in steps.values():
        step.seconds = {phase: [] for phase in PHASES}
    peaks = {name: peak_mb(step) for name, step in steps.items()}
    return make_rows(f'{args.images} x {size} pixels', seconds, peaks,
                     floor_note(steps['stock'], args.device))


def make_rows(case, seconds, peaks, note):
    """Phases and sums, against the stock side.

    ``seconds`` of each side: of each phase, of every call.
    """
    totals = {
        name: as_timing([sum(times) for times in zip(*phases.values())],
                        peaks[name])
        for name, phases in seconds.items()
    }
    incumbent = 'mmdet layers, loop'
    rows = [
        Row(f'{case}, {phase}', incumbent,
            *(as_timing(seconds[side][phase])
              for side in ('stock', 'fp32'))) for phase in PHASES
    ]
    floors = (None, 3) if torch.cuda.is_available() else (1.5, None)
    if case.endswith('128 pixels'):
        floors = (None, None)
    for name, floor, text in zip(('fp32', 'bf16'), floors, (note, '')):
        if name not in totals:
            continue
        rows.append(
            Row(f'{case}, whole step, ours in {name}', incumbent,
                totals['stock'], totals[name], floor=floor, note=text))
    return rows


def floor_note(step, device):
    """How long the convolutions and products of a step, forward and backward,
    take at the speed of one large product."""
    with FlopCounterMode(display=False) as counter:
        step()
    gflop = counter.get_total_flops() / 1e9
    x = torch.randn(2048, 2048, device=device)
    seconds = min(time_call(lambda: x @ x) for _ in range(5))
    speed = 2 * 2048**3 / seconds / 1e9
    return (f'arithmetic: {gflop:.0f} GFLOP, {1e3 * gflop / speed:.0f} ms at '
            f'the {speed:.0f} GFLOPS of a large matrix product')
