"""The bfloat16 wrapper: products in bfloat16, the rest in fp32."""

import pytest
import torch
from helpers import loss_and_gradients
from mmengine.optim import build_optim_wrapper

from poet_mm.engine.optim_wrappers import has_bfloat16


@pytest.mark.parametrize(
    ('hip', 'capability', 'expected'),
    [(None, (7, 5), False), (None, (8, 0), True), ('6.0', (7, 5), True)],
)
def test_gpu_that_emulates_bfloat16(monkeypatch, hip, capability, expected):
    monkeypatch.setattr('torch.version.hip', hip)
    monkeypatch.setattr('torch.cuda.get_device_capability', lambda: capability)
    assert has_bfloat16('cuda') == expected


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
            clip_grad=dict(max_norm=0.1),
        ),
    )
    expected, _ = loss_and_gradients(model, batch)
    before = model.backbone.weight.detach().clone()
    with wrapper.optim_context(model):
        loss = model(*batch)
        fields = model.head((model.backbone(batch[0]),))
    assert seen['feats'] == torch.bfloat16
    assert {x.dtype for x in fields.values()} == {torch.float32}
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, expected, rtol=0.02, atol=0)
    wrapper.update_params(loss)
    assert model.backbone.weight.dtype == torch.float32
    assert not torch.equal(model.backbone.weight, before)
