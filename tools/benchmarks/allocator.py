"""Compare keeping freed memory in the process with glibc's default.

The tools keep it on Linux without a GPU. Each side is a process of its own,
on the CPU, with the same weights and images; both must give the same numbers
to the bit. The model is POET-R50 at 512 pixels: a training step of two images
of noise with four people each, a test step of two images, and inference on one
image, with batch norms folded. The note says how much memory each
process held at most.
"""

import multiprocessing
import resource
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import cache, partial

import torch
from mmengine.registry import init_default_scope

from poet_mm.utils.memory import keep_freed_memory

from . import measure, number
from .inference import build_poet, make_batch, run_test_step
from .models import (
    SIZES,
    build_model,
    build_optimizer,
    random_batch,
    read_model_config,
)

THREADS = 1
CONFIG = 'poet_r50_512_coco'


def make_training():
    """Return a function that trains for one step and returns the loss."""
    cfg = read_model_config(CONFIG)
    model = build_model(cfg, 'cpu')
    optimizer = build_optimizer(model, cfg)
    batch = random_batch(cfg, SIZES[512])
    return lambda: float(model.train_step(batch, optimizer)['loss'])


def make_test():
    """Return a function that tests a batch and returns the scores."""
    model = build_model(read_model_config(CONFIG), 'cpu').eval()
    return partial(find_people, model, 2)


def make_inference():
    """Return a function that finds people and returns their scores."""
    return partial(find_people, build_poet('cpu'), 1)


def find_people(model, num_images):
    """Return the scores of the people in each image."""
    batch = make_batch(num_images, model.head.num_keypoints)
    samples = run_test_step(model, batch)
    return [sample.pred_instances.bbox_scores.tolist() for sample in samples]


CASES = dict(train=make_training, test=make_test, infer=make_inference)


@cache
def prepare(case, threads, keep):
    """Build the function of a case, once in a process."""
    init_default_scope('mmpose')
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    if keep:
        keep_freed_memory()
    return CASES[case]()


def call(*case):
    """Call the function of a case."""
    return prepare(*case)()


def held_mb():
    """Return the most memory (MB) that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def run(args, cases=tuple(CASES)):
    """Return a row for each case; none where nothing can be kept."""
    cases = cases[:1] if args.quick else cases
    return [row for name in cases for row in measure_case(name, args)]


def measure_case(name, args):
    """Return the row of a case."""
    with ExitStack() as stack:
        theirs, ours = (
            stack.enter_context(
                ProcessPoolExecutor(1, multiprocessing.get_context('spawn'))
            )
            for _ in range(2)
        )
        if not ours.submit(keep_freed_memory).result():
            return []

        def side(pool, keep):
            return pool.submit(call, name, args.threads, keep).result()

        assert side(theirs, False) == side(ours, True), 'the results differ'
        row = measure(
            f'{name}, 512 pixels',
            "glibc's default",
            partial(side, theirs, False),
            partial(side, ours, True),
            args,
        )
        held = [number(x.submit(held_mb).result()) for x in (theirs, ours)]
        row['note'] = f'{held[0]} -> {held[1]} MB held'
        return [row]
