"""Mixed precision: products in 16 bits, the rest in fp32."""

import copy

import pytest
import torch
from devices import on_every_device, on_gpu
from helpers import loss_and_gradients
from mmengine.optim import build_optim_wrapper

from poet_mm.engine.optim_wrappers import has_bfloat16

LR, MAX_NORM = 0.1, 0.1


@pytest.mark.parametrize(
    ('hip', 'capability', 'expected'),
    [(None, (7, 5), False), (None, (8, 0), True), ('6.0', (7, 5), True)],
)
def test_gpu_that_emulates_bfloat16(monkeypatch, hip, capability, expected):
    monkeypatch.setattr('torch.version.hip', hip)
    monkeypatch.setattr('torch.cuda.get_device_capability', lambda: capability)
    assert has_bfloat16('cuda') == expected


def check_step(model, batch, dtype, **wrapper):
    """Products are in this dtype; parameters, gradients and fields in fp32.
    Loss and update are those of fp32, to rounding."""
    seen = {}

    def look(module, inputs, output):
        seen['feats'] = output.dtype

    model.backbone.register_forward_hook(look)
    wrapper = build_optim_wrapper(
        model,
        dict(
            optimizer=dict(type='SGD', lr=LR),
            clip_grad=dict(max_norm=MAX_NORM),
            **wrapper,
        ),
    )
    expected, gradients = loss_and_gradients(model, batch)
    before = copy.deepcopy(model.state_dict())
    with wrapper.optim_context(model):
        loss = model(*batch)
        fields = model.head((model.backbone(batch[0]),))
    assert seen['feats'] == dtype
    assert {x.dtype for x in fields.values()} == {torch.float32}
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, expected, rtol=0.02, atol=0)
    wrapper.update_params(loss)
    norm = torch.stack([x.norm() for x in gradients.values()]).norm()
    assert norm > MAX_NORM  # clipped after any scaling is undone
    for name, parameter in model.named_parameters():
        assert parameter.dtype == torch.float32
        update = (before[name] - parameter) / LR
        expected = gradients[name] * MAX_NORM / norm
        assert (update - expected).abs().max() < 0.02 * MAX_NORM, name


@on_every_device
def test_bfloat16_wrapper(model, batch):
    check_step(model, batch, torch.bfloat16, type='BFloat16OptimWrapper')


@on_gpu
def test_float16_wrapper(model, batch):
    """mmengine's, as ``--amp float16`` sets it."""
    scaled = dict(type='AmpOptimWrapper', dtype='float16', loss_scale=128.0)
    check_step(model, batch, torch.float16, **scaled)
