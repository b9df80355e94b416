"""What makes a model faster changes nothing but rounding."""
import copy
from types import SimpleNamespace

import pytest
import torch
from helpers import random_samples, tiny_head
from mmengine.optim import build_optim_wrapper
from torch import nn

from poet_mm.engine.hooks.speed import (
    ChannelsLastHook,
    CompileHook,
    can_compile,
)


class TinyPoet(nn.Module):
    """A backbone of one convolution and a small head."""

    def __init__(self):
        super().__init__()
        self.backbone = nn.Conv2d(3, 8, 16, stride=16)
        self.head = tiny_head()

    def forward(self, images, samples):
        losses = self.head.loss((self.backbone(images), ), samples)
        return sum(losses.values())


@pytest.fixture
def batch():
    return torch.randn(2, 3, 64, 48), random_samples([2, 0])


@pytest.fixture
def model():
    torch.manual_seed(0)
    return TinyPoet()


def loss_and_gradients(model, batch):
    model.zero_grad()
    loss = model(*batch)
    loss.backward()
    return loss, {n: p.grad.clone() for n, p in model.named_parameters()}


def as_runner(model):
    return SimpleNamespace(model=model)


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_channels_last(model, batch):
    model.cuda()
    batch = batch[0].cuda(), [sample.cuda() for sample in batch[1]]
    expected = loss_and_gradients(model, batch)
    ChannelsLastHook().before_run(as_runner(model))
    assert model.backbone.weight.is_contiguous(
        memory_format=torch.channels_last)
    assert model.backbone(batch[0]).is_contiguous(
        memory_format=torch.channels_last)
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
        memory_format=torch.channels_last)
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


@pytest.mark.parametrize('counts', [[2, 1], [0, 0]])
def test_recomputed_encoder(counts):
    """Checkpointing gives the same gradients, with dropout too."""
    results = []
    for num_cp in (0, 1, 2):
        torch.manual_seed(0)
        model = TinyPoet()
        encoder = model.head.encoder
        encoder.num_checkpointed = num_cp
        for layer in encoder.layers:
            layer.self_attn.dropout = 0.3
        samples = random_samples(counts)
        torch.manual_seed(1)
        results.append(
            loss_and_gradients(model, (torch.randn(2, 3, 64, 48), samples)))
    torch.testing.assert_close(results[1], results[0])
    torch.testing.assert_close(results[2], results[0])


def test_recomputed_layers_must_exist():
    cfg = dict(encoder=dict(num_layers=2, num_cp=3, layer_cfg={}))
    with pytest.raises(ValueError, match=r'num_cp=3.*\[0, 2\]'):
        tiny_head(**cfg)


def test_bfloat16_wrapper(model, batch):
    """Products are in bfloat16; parameters, gradients and fields in fp32."""
    seen = {}

    def look(module, inputs, output):
        seen['feats'] = output.dtype

    model.backbone.register_forward_hook(look)
    wrapper = build_optim_wrapper(
        model,
        dict(
            type='BFloat16OptimWrapper',
            optimizer=dict(type='SGD', lr=0.1),
            clip_grad=dict(max_norm=0.1)))
    expected, _ = loss_and_gradients(model, batch)
    before = model.backbone.weight.detach().clone()
    with wrapper.optim_context(model):
        loss = model(*batch)
        fields = model.head((model.backbone(batch[0]), ))
    assert seen['feats'] == torch.bfloat16
    assert {x.dtype for x in fields.values()} == {torch.float32}
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, expected, rtol=0.02, atol=0)
    wrapper.update_params(loss)
    assert model.backbone.weight.dtype == torch.float32
    assert not torch.equal(model.backbone.weight, before)
