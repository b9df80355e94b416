"""Our attention against mmcv's own."""

from contextlib import nullcontext

import pytest
import torch
from helpers import as_ours
from mmcv.cnn.bricks.transformer import MultiheadAttention as Incumbent
from mmengine.utils import digit_version

from poet_mm.models.layers.attention import MultiheadAttention, record_weights


@pytest.mark.parametrize('mask', [False, True])
def test_equals_mmcv(mask):
    ours = MultiheadAttention(16, 4)
    theirs = Incumbent(16, 4, batch_first=True)
    ours.load_state_dict(as_ours(theirs.state_dict()))
    query, key = torch.randn(2, 5, 16), torch.randn(2, 7, 16)
    args = dict(
        key=key,
        value=torch.randn(2, 7, 16),
        query_pos=torch.randn(2, 5, 16),
        key_pos=torch.randn(2, 7, 16),
    )
    if mask:
        args['key_padding_mask'] = torch.arange(7) >= torch.tensor([[7], [4]])
        args['attn_mask'] = torch.rand(5, 7) > 0.7
        args['attn_mask'][:, 0] = False
    results = []
    for module in (ours, theirs):
        leaf = query.clone().requires_grad_()
        out = module(leaf, **args)
        out.square().sum().backward()
        results.append((out, leaf.grad))
    torch.testing.assert_close(*results)


@pytest.mark.parametrize('queries', [25, 26])
def test_bfloat16_is_trained_in_fp32_attention(queries, monkeypatch):
    """On the CPU, where torch's own breaks its memory with 25 queries."""
    fused = torch.nn.functional.scaled_dot_product_attention
    seen = []
    monkeypatch.setattr(
        torch.nn.functional,
        'scaled_dot_product_attention',
        lambda q, *args, **kwargs: (
            seen.append(q.dtype) or fused(q, *args, **kwargs)
        ),
    )
    module = MultiheadAttention(64, 2)
    query, key = torch.randn(2, queries, 64), torch.randn(2, 7, 64)
    grads = []
    for enabled in (False, True):
        leaf = query.clone().requires_grad_()
        with torch.autocast('cpu', torch.bfloat16, enabled=enabled):
            out = module(leaf, key, key)
        out.float().square().sum().backward()
        grads.append(leaf.grad)
    assert seen == [torch.float32] * 2
    torch.testing.assert_close(*grads, atol=0.1, rtol=0.02)
    with torch.no_grad(), torch.autocast('cpu', torch.bfloat16):
        module(query, key, key)
    assert seen[2] == torch.bfloat16


@pytest.mark.parametrize('mask', [False, True])
def test_memory_is_linear_in_tokens(mask):
    """No (T, S) is kept for backward, wherever torch has a fused kernel."""
    if mask and digit_version(torch.__version__) < digit_version('2.5'):
        pytest.skip('torch 2.1 has no fused kernel with a mask on the CPU')
    module, tokens, kept = MultiheadAttention(16, 2), 512, []
    x = torch.randn(1, tokens, 16, requires_grad=True)
    padding = torch.arange(tokens)[None] >= 400 if mask else None
    with torch.autograd.graph.saved_tensors_hooks(
        lambda saved: kept.append(saved.numel()) or saved, lambda x: x
    ):
        module(x, x, x, key_padding_mask=padding).sum().backward()
    assert 0 < max(kept) < tokens**2 / 4


def test_heads_must_divide_channels():
    with pytest.raises(ValueError, match=r'embed_dims=10.*num_heads=4'):
        MultiheadAttention(10, 4)


@pytest.mark.parametrize('mask', [False, True])
def test_recorded_weights_equal_the_fused_path(mask):
    torch.manual_seed(0)
    model = torch.nn.ModuleDict(dict(attention=MultiheadAttention(16, 4)))
    query, key = torch.randn(2, 5, 16), torch.randn(2, 7, 16)
    args = dict(key=key, value=key)
    if mask:
        args['key_padding_mask'] = torch.arange(7) >= torch.tensor([[7], [4]])
    outs, gradients = [], []
    for context in (nullcontext({}), record_weights(model)):
        with context as records:
            leaf = query.clone().requires_grad_()
            outs.append(model['attention'](leaf, **args))
            outs[-1].square().sum().backward()
            gradients.append(leaf.grad)
    torch.testing.assert_close(*outs)
    torch.testing.assert_close(*gradients)
    weights = records['attention']
    assert weights.shape == (2, 4, 5, 7)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 4, 5))
    if mask:
        assert not weights[1, :, :, 4:].any()


def test_recording_ends():
    model = torch.nn.ModuleDict(dict(attention=MultiheadAttention(16, 4)))
    x = torch.randn(1, 3, 16)
    with record_weights(model) as records:
        pass
    model['attention'](x, x, x)
    assert not records
