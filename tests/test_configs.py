"""Every config builds, its pipelines run, and its model makes a step."""
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import random_people
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import MODELS

CONFIGS = sorted((Path(__file__).parent.parent / 'configs').glob('*.py'))
COCO = parse_pose_metainfo(dict(from_file='configs/_base_/datasets/coco.py'))


def raw_sample(num_people=2, size=(120, 90)):
    """What the data set hands to the pipeline, the image in memory."""
    keypoints, visible = random_people(num_people, 17, size)
    visible[:, 0] = 2
    height, width = size
    corners = np.tile(
        np.array([0, 0, width, height], dtype=np.float32), (num_people, 1))
    return dict(
        img=np.full((*size, 3), 127, dtype=np.uint8),
        img_id=1,
        id=list(range(num_people)),
        keypoints=keypoints,
        keypoints_visible=visible,
        bbox=corners,
        area=np.full(num_people, 500, dtype=np.float32),
        iscrowd=np.zeros(num_people, dtype=np.int64),
        flip_indices=COCO['flip_indices'],
        dataset_keypoint_weights=COCO['dataset_keypoint_weights'])


def shrink(inputs):
    """A small picture in place of a full-size one, to save time."""
    sample = inputs['data_samples']
    sample.set_metainfo(dict(img_shape=(64, 80)))
    inputs['inputs'] = torch.randint(0, 255, (3, 64, 80), dtype=torch.uint8)
    return inputs


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_config_trains_a_step(path):
    cfg = Config.fromfile(path)
    assert cfg.train_dataloader.dataset.pipeline[-2].encoder == (
        cfg.model.head.codec)
    pipeline = Compose(cfg.train_dataloader.dataset.pipeline)
    batch = pseudo_collate([shrink(pipeline(raw_sample())) for _ in range(2)])
    cfg.model.backbone.init_cfg = None
    model = MODELS.build(cfg.model)
    model.init_weights()
    model.train()
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    before = model.head.pose_embed.layers[-1].weight.clone()
    logs = model.train_step(batch, wrapper)
    assert torch.isfinite(logs['loss'])
    num_layers = cfg.model.head.decoder.num_layers
    terms = len(cfg.model.head.loss.terms) + 1
    assert len(logs) == num_layers * terms + 1
    assert not torch.equal(before, model.head.pose_embed.layers[-1].weight)


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_config_opens_with_what_it_gives(path):
    """Expected result, cost and command, and the command is for this file."""
    head = path.read_text().split('"""')[1]
    for word in ('Expect  ', 'Cost    ', 'Run     '):
        assert word in head
    assert f'configs/{path.name}' in head or 'quickstart.sh' in head
    for tool in re.findall(r'tools/\w+\.(?:py|sh)', head):
        assert (path.parent.parent / tool).is_file(), tool


def test_paper_recipe():
    """What the paper states is what the base config says."""
    cfg = Config.fromfile(CONFIGS[0].parent / 'poet_r50_coco.py')
    head = cfg.model.head
    assert (head.num_queries, head.encoder.num_layers,
            head.decoder.num_layers) == (25, 6, 6)
    assert head.encoder.layer_cfg.self_attn_cfg == dict(
        embed_dims=256, num_heads=8, dropout=0.1)
    assert head.encoder.layer_cfg.ffn_cfg.feedforward_channels == 2048
    assert head.loss.nobody_weight == 0.1
    wrapper = cfg.optim_wrapper
    assert wrapper.optimizer == dict(type='AdamW', lr=1e-4, weight_decay=1e-4)
    assert wrapper.clip_grad.max_norm == 0.1
    model = MODELS.build(
        dict(cfg.model, backbone=dict(cfg.model.backbone, init_cfg=None)))
    count = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert count / 1e6 == pytest.approx(41.3, abs=0.05)  # Table 2
