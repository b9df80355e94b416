"""Measure what a model costs: parameters, arithmetic, time, memory.

For bottom-up models whose head predicts people from ``forward(feats)``: time
is split there, everything after it is post-processing.
"""

import resource
import statistics
import time
from contextlib import contextmanager
from typing import Dict, Iterator, Tuple

import torch
from mmengine.dataset import pseudo_collate
from torch import nn
from torch.utils.data import Dataset
from torch.utils.flop_counter import FlopCounterMode

WARM_UP = 3  # images that are not timed


def count_parameters(model: nn.Module) -> Tuple[int, int]:
    """Return the number of parameters: all, and those that are trained."""
    counts = [(p.numel(), p.requires_grad) for p in model.parameters()]
    return (
        sum(n for n, _ in counts),
        sum(n for n, trained in counts if trained),
    )


def feature_stride(model: nn.Module, size: int) -> int:
    """Return the input pixels per cell of what the head reads people from:
    heatmaps, or the feature level that becomes tokens.
    """
    image = torch.zeros(
        1, 3, size, size, device=next(model.parameters()).device
    )
    with torch.no_grad():
        feats = model.extract_feat(image)
        outputs = model.head.forward(feats)
    if isinstance(outputs, tuple):
        cells = outputs[0]
    else:
        cells = feats[getattr(model.head, 'feat_index', -1)]
    return size // cells.shape[-1]


def count_gflops(model: nn.Module, size: int) -> float:
    """Count the multiply-adds in 10^9 of one pass over size x size pixels.

    Convolutions, linear layers and attention are counted, as is the field's
    custom (a multiply-add is one operation).
    """
    image = torch.zeros(
        1, 3, size, size, device=next(model.parameters()).device
    )
    with (
        frozen(model),
        unfused_attention(),
        FlopCounterMode(display=False) as counter,
    ):
        model.head.forward(model.extract_feat(image))
    return counter.get_total_flops() / 2e9


# Workaround (torch>2.1): under `no_grad`, too, `FlopCounterMode` asks for the
# gradient function of all that requires a gradient, and fails at learned
# queries.
@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """Switch the gradients of all parameters off."""
    trained = [p for p in model.parameters() if p.requires_grad]
    model.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)


@contextmanager
def unfused_attention() -> Iterator[None]:
    """Compute attention as two matrix products, which every torch counts."""
    backends = torch.backends.cuda  # they rule on the CPU, too
    flash = backends.flash_sdp_enabled()
    efficient = backends.mem_efficient_sdp_enabled()
    backends.enable_flash_sdp(False)
    backends.enable_mem_efficient_sdp(False)
    try:
        yield
    finally:
        backends.enable_flash_sdp(flash)
        backends.enable_mem_efficient_sdp(efficient)


class Stopwatch:
    """Add up the time that calls of a function take."""

    def __init__(self, function) -> None:
        self.function = function
        self.seconds = 0.0

    def __call__(self, *args, **kwargs):
        synchronize()
        start = time.perf_counter()
        result = self.function(*args, **kwargs)
        synchronize()
        self.seconds += time.perf_counter() - start
        return result


def synchronize() -> None:
    """Wait for the GPU, if there is one."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def time_inference(
    model: nn.Module, dataset: Dataset, num_images: int
) -> Dict[str, float]:
    """Measure the median milliseconds per image, one image at a time.

    Args:
        model (nn.Module): Bottom-up estimator.
        dataset (Dataset): Test images, of which the first are used.
        num_images (int): How many are timed, after :data:`WARM_UP` others.

    Returns:
        dict: ``network_ms`` (backbone, neck and head's ``forward``; both
        passes of a flip test), ``post_ms`` (the rest of ``predict``), and
        ``input``, the longest side of the images in pixels.
    """
    model.eval()
    network = [Stopwatch(model.extract_feat), Stopwatch(model.head.forward)]
    model.extract_feat, model.head.forward = network
    times, longest = [], 0
    try:
        for i in range(min(WARM_UP + num_images, len(dataset))):
            batch = pseudo_collate([dataset[i]])
            with torch.no_grad():
                batch = model.data_preprocessor(batch)
                before = sum(part.seconds for part in network)
                predict = Stopwatch(model.predict)
                predict(**batch)
            seconds = sum(part.seconds for part in network) - before
            times.append((seconds, predict.seconds - seconds))
            longest = max(
                longest, *batch['data_samples'][0].metainfo['img_shape']
            )
    finally:
        del model.extract_feat, model.head.forward
    network_ms, post_ms = (
        1e3 * statistics.median(part)
        for part in zip(*times[min(WARM_UP, len(times) - 1) :])
    )
    return dict(network_ms=network_ms, post_ms=post_ms, input=int(longest))


def peak_memory() -> Tuple[float, str]:
    """Return the peak memory of this process in MB, and what was measured."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20, 'GPU'
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**10, 'process'
