"""What makes a model faster changes nothing but rounding."""

import copy
from types import SimpleNamespace

import pytest
import torch
from devices import on_every_device, on_gpu
from helpers import loss_and_gradients
from torch import nn

from poet_mm.engine.hooks.speed import ChannelsLastHook, CompileHook


def can_compile():
    """Return whether this torch compiles under this Python."""
    try:
        torch.compile(lambda: None)
    except RuntimeError:
        return False
    return True


def as_runner(model):
    return SimpleNamespace(model=model)


def assert_near(gradients, expected):
    """To 1e-5 of the largest."""
    largest = max(float(grad.abs().max()) for grad in expected.values())
    for name, gradient in gradients.items():
        difference = float((gradient - expected[name]).abs().max())
        assert difference < 1e-5 * largest, name


@on_gpu
def test_channels_last(model, batch):
    expected = loss_and_gradients(model, batch)
    ChannelsLastHook().before_run(as_runner(model))
    assert model.backbone.weight.is_contiguous(
        memory_format=torch.channels_last
    )
    assert model.backbone(batch[0]).is_contiguous(
        memory_format=torch.channels_last
    )
    loss, gradients = loss_and_gradients(model, batch)
    torch.testing.assert_close(loss, expected[0])
    assert_near(gradients, expected[1])


@pytest.mark.parametrize('on_gpu', [False, True])
def test_channels_last_is_for_gpus(model, on_gpu, monkeypatch):
    state = copy.deepcopy(model.state_dict())
    monkeypatch.setattr(nn.Parameter, 'is_cuda', on_gpu)
    ChannelsLastHook().before_run(as_runner(model))
    model.load_state_dict(state)
    assert on_gpu == model.backbone.weight.is_contiguous(
        memory_format=torch.channels_last
    )
    assert model.state_dict().keys() == state.keys()


@pytest.mark.skipif(not can_compile(), reason='not with this Python')
@on_every_device
def test_compile_hook(model, batch, device):
    """On the CPU with dynamo's backend that traces all, and compiles nothing;
    on the GPU with torch's default."""
    expected = loss_and_gradients(model, batch)
    names = [name for name, _ in model.named_parameters()]
    hook = CompileHook(backend=dict(cpu='aot_eager', cuda='inductor')[device])
    hook.before_train(as_runner(model))
    assert [name for name, _ in model.named_parameters()] == names
    loss, gradients = loss_and_gradients(model, batch)
    torch.testing.assert_close(loss, expected[0], rtol=1e-5, atol=0)
    assert_near(gradients, expected[1])


def test_compile_hook_names_what_there_is(model):
    with pytest.raises(ValueError, match=r"'neck'.*head\.encoder"):
        CompileHook(modules=['neck']).before_train(as_runner(model))
