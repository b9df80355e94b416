"""FLOPs against the arithmetic, and times."""

import pytest
import torch
from helpers import ROOT, tiny_head_cfg
from mmpose.registry import DATASETS, MODELS
from mmpose.structures import PoseDataSample

from poet_mm.comparison.cost import measure_pass, peak_memory, time_inference
from poet_mm.utils.config import read_config


class FeatureMap(torch.nn.Module):
    """An estimator whose backbone is one convolution of stride 8."""

    def __init__(self, head):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 8, 8, stride=8)
        self.head = MODELS.build(head)

    def data_preprocessor(self, batch):
        return dict(batch, inputs=torch.stack(batch['inputs']).float())

    def extract_feat(self, inputs):
        return (self.conv(inputs),)

    def predict(self, inputs, data_samples):
        return self.head.predict(self.extract_feat(inputs), data_samples)


def test_flops_equal_the_arithmetic():
    """Counted by hand for POET: attention included."""
    model = FeatureMap(tiny_head_cfg()).eval()
    tokens, queries, width, ffn = 64, 6, 16, 32
    square = width**2

    def attention(t, s):
        return 2 * t * square + 2 * s * square + 2 * t * s * width

    expected = tokens * 8 * 3 * 64 + tokens * 8 * width
    expected += 2 * (attention(tokens, tokens) + 2 * tokens * width * ffn)
    expected += 2 * (
        attention(queries, queries)
        + attention(queries, tokens)
        + 2 * queries * width * ffn
    )
    # all layers' outputs go through the predictors
    expected += 2 * queries * (2 * square + width * (2 + 3 * 5) + width * 2)
    sample = PoseDataSample(metainfo=dict(img_shape=(48, 64)))
    window = dict(input_center=(32, 24), input_scale=(64, 48))
    sample.set_metainfo(dict(input_size=(64, 48), **window))
    image = torch.zeros(3, 48, 64)  # padded to 64 x 64
    dataset = [dict(inputs=image, data_samples=sample)]
    stride, gflops = measure_pass(model, dataset, 64)
    assert gflops * 1e9 == pytest.approx(expected)
    assert stride == 8
    assert all(p.requires_grad for p in model.parameters())


def test_memory_of_the_gpu_is_the_peak_of_the_log(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    records = [dict(memory=100), dict(memory=300), {'coco/AP': 0.5}]
    assert peak_memory(records)['memory_mb'] == 300


@pytest.mark.parametrize(
    ('name', 'stride'),
    [
        ('poet_fast_r18_crowd', 8),
        ('ae_r18_s16_toy', 16),
        ('rtmo_r18_toy', 16),
        ('yoloxpose_r18_toy', 8),
        ('cid_r18_toy', 4),
    ],
)
def test_time_is_split_and_the_model_left_as_it_was(toy, name, stride):
    cfg = read_config(str(ROOT / 'configs' / f'{name}.py'))
    cfg.test_dataloader.dataset.data_root = str(toy)
    model = MODELS.build(cfg.model).eval()
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    cost = time_inference(model, dataset, 2)
    assert cost['network_ms'] > 0
    assert cost['post_ms'] > 0
    assert cost['input'] == (256 if name.endswith('crowd') else 128)
    replaced = {'forward', 'extract_feat', 'forward_test'}
    assert not any(replaced & set(vars(part)) for part in model.modules())
    assert measure_pass(model, dataset, cost['input'])[0] == stride
