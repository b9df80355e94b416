"""A training step on the CPU and on a GPU: the same loss in all precisions,
one transfer to the host, and no attention weights in memory."""

from contextlib import contextmanager

import pytest
import torch
from benchmarks import peak_mb
from benchmarks.models import (
    build_model,
    build_optimizer,
    random_batch,
    read_model_config,
)
from devices import on_every_device
from head_kinds import HEADS, build, same_noise
from helpers import random_samples, with_areas
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.profiler import ProfilerActivity, profile

from poet_mm.models.layers import denoising

# Largest relative error of the loss.
ROUNDING = dict(float32=1e-5, float16=1e-3, bfloat16=5e-3)
TO_HOST = {
    Tensor.cpu,
    Tensor.item,
    Tensor.__bool__,
    Tensor.__float__,
    Tensor.__int__,
    Tensor.__index__,
}
# Config at stride 8, height and width, of a step whose memory is measured.
AT_STRIDE_8 = dict(
    cpu=('poet_r18_toy', 256), cuda=('poet_dc45_r50_512_coco', 512)
)


def loss_on(device, kind):
    """A function that computes the losses of a batch."""
    model, feats = build(kind)
    model.to(device)
    feats = [feat.to(device) for feat in feats]
    samples = with_areas(random_samples([2, 1, 3, 0]))
    samples = [sample.to(device) for sample in samples]
    return lambda: model(feats, samples)


@on_every_device
@pytest.mark.parametrize('dtype', ROUNDING)
@pytest.mark.parametrize('kind', HEADS)
def test_loss_is_that_of_float32_on_the_cpu(kind, device, dtype, monkeypatch):
    """Every term, so also the matching of every layer."""
    monkeypatch.setattr(denoising, '_uniform', same_noise)
    expected = loss_on('cpu', kind)()
    loss = loss_on(device, kind)
    with torch.autocast(
        device, getattr(torch, dtype), enabled=dtype != 'float32'
    ):
        losses = loss()
    assert losses.keys() == expected.keys()
    total = float(sum(expected.values()))
    for name, loss in losses.items():
        assert loss.dtype == torch.float32
        difference = abs(float(loss) - float(expected[name]))
        assert difference < ROUNDING[dtype] * total, name


class HostReads(TorchFunctionMode):
    """Counts what would wait for the device, if there was one."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func in TO_HOST:
            self.found.append(func.__name__)
        return func(*args, **(kwargs or {}))


@contextmanager
def host_transfers(device):
    """List the copies from the device to the host. On the CPU, where there
    are none, the calls that would be some."""
    if device == 'cpu':
        with HostReads() as mode:
            yield mode.found
        return
    found = []
    with profile(activities=[ProfilerActivity.CUDA]) as profiler:
        yield found
        torch.cuda.synchronize()
    found += [e.name for e in profiler.events() if 'DtoH' in e.name]


@on_every_device
@pytest.mark.parametrize('kind', HEADS)
def test_one_transfer_to_the_host(kind, device):
    """Of matching, loss and gradients of all layers and images."""
    loss = loss_on(device, kind)
    sum(loss().values()).backward()  # what happens only once
    with host_transfers(device) as found:
        sum(loss().values()).backward()
    assert len(found) == 1, found


@on_every_device
def test_transfers_are_counted(device):
    x = torch.ones(3, device=device)
    with host_transfers(device) as found:
        assert x.sum() > 0
        x[0].item()
        (x + 1).cpu()
    assert len(found) == 3, found


@on_every_device
def test_memory_at_stride_8(device, record_property):
    """A step needs less than the attention weights of the encoder would."""
    name, size = AT_STRIDE_8[device]
    cfg = read_model_config(name)
    if device == 'cpu':  # little but attention
        cfg.model.backbone.update(base_channels=8, strides=(1, 2, 1))
        cfg.model.head.in_channels = 32
    model = build_model(cfg, device)
    batch = random_batch(cfg, [(size, size)] * 2, 4, device)
    optimizer = build_optimizer(model, cfg)
    model.train_step(batch, optimizer)  # what is kept between steps
    peak = peak_mb(lambda: model.train_step(batch, optimizer), device)
    record_property('peak_mb', round(peak))
    layer = model.head.encoder.layer_cfg.self_attn_cfg
    tokens = (size // 8) ** 2
    weights = 2 * layer.num_heads * tokens**2 * 4 / 2**20
    assert 0 < peak < weights * model.head.encoder.num_layers
