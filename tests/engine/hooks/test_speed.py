"""What makes a model faster changes nothing but rounding."""

import copy
from types import SimpleNamespace

import pytest
import torch
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


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_channels_last(model, batch):
    model.cuda()
    batch = batch[0].cuda(), [sample.cuda() for sample in batch[1]]
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
    largest = max(float(grad.abs().max()) for grad in expected[1].values())
    for name, gradient in gradients.items():
        difference = float((gradient - expected[1][name]).abs().max())
        assert difference < 1e-5 * largest, name


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
def test_compile_hook(model, batch):
    """With dynamo's own backend, which compiles nothing but traces all."""
    expected = loss_and_gradients(model, batch)
    names = [name for name, _ in model.named_parameters()]
    hook = CompileHook(backend='aot_eager')
    hook.before_train(as_runner(model))
    assert [name for name, _ in model.named_parameters()] == names
    torch.testing.assert_close(loss_and_gradients(model, batch), expected)


def test_compile_hook_names_what_there_is(model):
    with pytest.raises(ValueError, match=r"'neck'.*head\.encoder"):
        CompileHook(modules=['neck']).before_train(as_runner(model))
