"""Measure the cost of a model: parameters, multiply-adds, time, memory.

This works for POET, AE and the one-stage models of MMPose. Time is split into
the network and all that follows it (:func:`network_parts`).
"""

import copy
import resource
import statistics
import time
from collections import Counter
from typing import Callable, Dict, List, Tuple

import torch
from mmengine.dataset import pseudo_collate
from torch import nn
from torch.utils.data import Dataset
from torch.utils.flop_counter import FlopCounterMode

from ..models.layers.attention import MultiheadAttention
from ..models.listeners import listening

WARM_UP = 3  # images that are not timed


def count_parameters(model: nn.Module) -> Tuple[int, int]:
    """Return the number of all parameters and of the trained ones."""
    parameters = list(model.parameters())
    trained = [p for p in parameters if p.requires_grad]
    return sum(p.numel() for p in parameters), sum(p.numel() for p in trained)


def level_stride(model: nn.Module, image: torch.Tensor) -> int:
    """Return the pixels per cell of the finest feature map of predictions.

    AE: its heatmaps. POET: the finest level of tokens. RTMO, YOLOX-Pose: the
    finest level of their priors. CID: the level of its heatmaps.

    Args:
        model (nn.Module): Bottom-up estimator, in evaluation mode.
        image (Tensor): (1, 3, h, w).
    """
    head = model.head
    if hasattr(head, 'featmap_strides'):
        return min(head.featmap_strides)
    feats = model.extract_feat(image)
    if hasattr(head, 'select_level'):
        cells = head.token_levels(feats)[0]
    elif hasattr(head, 'gfd_module'):
        cells = feats[-1]
    else:
        cells = head.forward(feats)[0]
    return image.shape[-1] // cells.shape[-1]


@torch.no_grad()
def measure_pass(
    model: nn.Module, dataset: Dataset, size: int
) -> Tuple[int, float]:
    """Return stride and multiply-adds of a prediction of size x size pixels.

    Convolutions, linear layers and attention of the whole ``predict`` are
    counted, both passes of a flip test included. A multiply-add is one
    operation, as is usual in this field. CID and RTMO compute more for an
    image in which they find more people.

    Args:
        model (nn.Module): Bottom-up estimator, in evaluation mode.
        dataset (Dataset): Test images; the first one is padded to the size.
        size (int): Width and height in pixels; more if the model pads to more.

    Returns:
        tuple[int, float]: :func:`level_stride`, and multiply-adds in 10^9.
    """
    # Workaround (torch>2.1): even under `no_grad`, `FlopCounterMode` asks for
    # the gradient function of what requires a gradient, and fails at learned
    # queries.
    model = copy.deepcopy(model).requires_grad_(False)
    batch = model.data_preprocessor(pseudo_collate([dataset[0]]))
    image = batch['inputs']
    h, w = image.shape[-2:]
    size = max(size, h, w)  # the model may pad to more
    image = nn.functional.pad(image, (0, size - w, 0, size - h))
    for sample in batch['data_samples']:
        sample.set_metainfo(dict(batch_input_shape=(size, size)))
    # With a listener, attention is two matrix products. FlopCounterMode of
    # torch 2.1 does not count fused kernels.
    attentions = [
        (module, lambda weights: None)
        for module in model.modules()
        if isinstance(module, MultiheadAttention)
    ]
    with listening(attentions), FlopCounterMode(display=False) as counter:
        model.predict(image, batch['data_samples'])
    return level_stride(model, image), counter.get_total_flops() / 2e9


def network_parts(model: nn.Module) -> List[Tuple[nn.Module, str]]:
    """Return the modules and methods that make up the network.

    CID's ``predict`` calls the two modules of its head, not ``forward``;
    RTMO's calls its coordinate classifier after ``forward``.
    """
    parts = [(model, 'extract_feat'), (model.head, 'forward')]
    if hasattr(model.head, 'gfd_module'):
        parts.append((model.head.iia_module, 'forward_test'))
        parts.append((model.head.gfd_module, 'forward'))
    if hasattr(model.head, 'dcc'):
        parts.append((model.head.dcc, 'forward_test'))
    return parts


def add_time(function: Callable, seconds: Counter, name: str) -> Callable:
    """Return a function whose calls add their seconds to ``seconds[name]``."""
    has_gpu = torch.cuda.is_available()
    wait = torch.cuda.synchronize if has_gpu else lambda: None

    def timed(*args, **kwargs):
        wait()
        start = time.perf_counter()
        result = function(*args, **kwargs)
        wait()
        seconds[name] += time.perf_counter() - start
        return result

    return timed


@torch.no_grad()
def time_inference(
    model: nn.Module, dataset: Dataset, num_images: int
) -> Dict[str, float]:
    """Measure the median milliseconds per image, one image at a time.

    Args:
        model (nn.Module): Bottom-up estimator, in evaluation mode.
        dataset (Dataset): Test images; the first ones are used.
        num_images (int): Number of timed images, after :data:`WARM_UP` others.

    Returns:
        dict: ``network_ms`` (:func:`network_parts`; both passes of a flip
        test), ``post_ms`` (the rest of ``predict``: decoding, grouping, NMS),
        and ``input``, the longest side of the images in pixels.
    """
    seconds: Counter = Counter()
    predict = add_time(model.predict, seconds, 'predict')
    parts = network_parts(model)
    for part, name in parts:
        setattr(part, name, add_time(getattr(part, name), seconds, 'network'))
    times, longest = [], 0
    try:
        for i in range(min(WARM_UP + num_images, len(dataset))):
            batch = model.data_preprocessor(pseudo_collate([dataset[i]]))
            seconds.clear()
            predict(**batch)
            network = seconds['network']
            times.append((network, seconds['predict'] - network))
            shape = batch['data_samples'][0].metainfo['img_shape']
            longest = max(longest, *shape)
    finally:
        for part, name in parts:
            delattr(part, name)
    timed = times[min(WARM_UP, len(times) - 1) :]
    network_ms, post_ms = (1e3 * statistics.median(x) for x in zip(*timed))
    return dict(network_ms=network_ms, post_ms=post_ms, input=int(longest))


# Workaround (mmengine<=0.10.7): its log processor resets torch's peak at every
# record, so the peak of a training is in the log.
def peak_memory(records: List[dict]) -> Dict[str, object]:
    """Return the peak in MB, of the GPU or, without one, of this process.

    Args:
        records (list[dict]): Log of a training, from :func:`read_scalars`.
    """
    if torch.cuda.is_available():
        peak = max(record.get('memory', 0) for record in records)
        return dict(memory_mb=peak, memory_kind='GPU')
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    return dict(memory_mb=peak, memory_kind='process')
