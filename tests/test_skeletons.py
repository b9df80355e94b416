"""Configs of other skeletons and of fine-tuning, from files to AP.

Data, skeleton, hooks and evaluation are those of the config; only sizes are
smaller.
"""

import copy
import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmpose.registry import DATASETS, METRICS, MODELS

from poet_mm.utils.config import read_config, set_data_root, walk

pytestmark = pytest.mark.slow
JOINTS = {
    'poet_fast_r18_five_toy': 5,
    'poet_fast_r50_512_crowdpose': 14,
    'poet_fast_r50_512_animalpose': 20,
    'poet_r50_macaquepose': 17,
    'poet_fast_r50_finetune': 17,
}
HEIGHT, WIDTH = 72, 96
FINETUNE = 'poet_fast_r50_finetune'


def annotation(rng, number, image_id, num_keypoints, area):
    """A person all over the image, every keypoint visible."""
    high = (WIDTH - 4, HEIGHT - 4, 2)
    keypoints = rng.uniform((4, 4, 2), high, (num_keypoints, 3))
    corner, size = keypoints[:, :2].min(0), np.ptp(keypoints[:, :2], axis=0)
    return dict(
        id=number,
        image_id=image_id,
        category_id=1,
        iscrowd=0,
        num_keypoints=num_keypoints,
        keypoints=keypoints.ravel().tolist(),
        bbox=[*corner.tolist(), *size.tolist()],
        **(dict(area=float(size.prod())) if area else {}),
    )


def write_data(root, cfg, num_keypoints, num_images=4):
    """The files of the config's loaders; as in CrowdPose, without areas and
    with a crowd index, if the evaluator expects that."""
    rng = np.random.default_rng(0)
    area = cfg.val_evaluator.get('iou_type') != 'keypoints_crowd'
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        folder = root / loader.dataset.data_prefix.img
        folder.mkdir(parents=True, exist_ok=True)
        images, people = [], []
        for n in range(1, num_images + 1):
            noise = rng.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
            assert cv2.imwrite(str(folder / f'{n}.png'), noise)
            images.append(dict(id=n, file_name=f'{n}.png', width=WIDTH))
            images[-1].update(height=HEIGHT, crowdIndex=0.3 * n - 0.3)
            people += [
                annotation(rng, 10 * n + k, n, num_keypoints, area)
                for k in range(n % 3)
            ]
        content = dict(info={}, images=images, annotations=people)
        content['categories'] = [dict(id=1, name='it')]
        ann_file = root / loader.dataset.ann_file
        ann_file.parent.mkdir(exist_ok=True)
        ann_file.write_text(json.dumps(content))


def make_small(cfg):
    """The config with a tiny model, small images and an epoch of two steps."""
    cfg.model.backbone.update(
        depth=18, base_channels=8, stem_channels=8, init_cfg=None
    )
    stages = cfg.model.backbone.get('num_stages', 4)
    cfg.model.head.update(in_channels=8 * 2 ** (stages - 1))
    detail = cfg.model.head.get('detail')
    if detail:
        detail.in_channels = [8 * 2**i for i in range(stages)]
    cfg.model.head.encoder.num_layers = cfg.model.head.decoder.num_layers = 2
    for node in walk(cfg._cfg_dict):
        if 'feedforward_channels' in node:
            node.feedforward_channels = 32
        if node.get('type') == 'ShortEdgeResize':
            node.update(short_edges=[48, 64], max_size=64)
        elif node.get('type') == 'RandomSizeCrop':
            node.update(min_size=32, max_size=48)
    for name in ('train', 'val', 'test'):
        cfg[f'{name}_dataloader'].update(
            num_workers=0, persistent_workers=False, batch_size=2
        )
    cfg.train_cfg.update(max_epochs=1, val_interval=1)
    cfg.param_scheduler = []
    cfg.default_hooks.checkpoint.interval = 1
    return cfg


def small_config(name, folder):
    """A config made small, its data and its work dir in a new folder."""
    init_default_scope('mmpose')
    cfg = make_small(read_config(name))
    cfg.load_from = None
    write_data(folder, cfg, JOINTS.get(name, 17))
    set_data_root(cfg, str(folder))
    # the toy config validates on what it trains on
    cfg.work_dir = str(folder / 'work')
    cfg.experiment_name = cfg.visualizer.name = f'{name}_{folder.name}'
    return cfg


def load_checkpoint(work_dir):
    return torch.load(Path(work_dir) / 'epoch_1.pth', weights_only=False)


@pytest.fixture(scope='module', params=JOINTS)
def trained(request, tmp_path_factory):
    """Name of a config, its runner, and what its validation gave."""
    cfg = small_config(request.param, tmp_path_factory.mktemp('skeleton'))
    runner = Runner.from_cfg(cfg)
    runner.train()
    return request.param, runner, runner.val_loop.run()


def test_trains_predicts_and_evaluates(trained):
    name, runner, metrics = trained
    prefix = runner.cfg.val_evaluator.get('prefix', 'coco')
    assert 0 <= metrics[f'{prefix}/AP'] <= 1
    crowded = {f'crowdpose/AP({level})' for level in 'EMH'}
    assert crowded <= set(metrics) or prefix == 'coco'
    assert math.isfinite(metrics['val/loss'])
    if runner.cfg.default_hooks.checkpoint.save_best:
        assert list(Path(runner.work_dir).glob(f'best_{prefix}_AP_*.pth'))
    saved = load_checkpoint(runner.work_dir)
    assert saved['meta']['dataset_meta']['num_keypoints'] == JOINTS[name]
    batch = next(iter(runner.val_dataloader))
    with torch.no_grad():
        sample = runner.model.eval().val_step(batch)[0]
    queries = runner.cfg.model.head.num_queries
    assert sample.pred_instances.keypoints.shape == (queries, JOINTS[name], 2)


def test_perfect_predictions_have_ap_1(trained):
    """By the evaluator of the config, with its own sigmas."""
    name, runner, _ = trained
    dataset = DATASETS.build(
        dict(runner.cfg.val_dataloader.dataset, pipeline=[])
    )
    metric = METRICS.build(runner.cfg.val_evaluator)
    metric.dataset_meta = dataset.metainfo
    assert len(dataset.metainfo['sigmas']) == JOINTS[name]
    for sample in dataset:
        people = len(sample['keypoints'])
        perfect = dict(
            keypoints=sample['keypoints'],
            keypoint_scores=np.ones((people, JOINTS[name])),
            bbox_scores=np.ones(people),
        )
        result = dict(gt_instances={}, pred_instances=perfect)
        result.update(id=sample['id'], img_id=sample['img_id'])
        metric.process([], [result])
    metrics = metric.evaluate(len(dataset))
    prefix = runner.cfg.val_evaluator.get('prefix', 'coco')
    assert metrics[f'{prefix}/AP'] == pytest.approx(1)


class KeepStart(Hook):
    """Keeps the weights that training starts from."""

    def before_train(self, runner):
        self.start = copy.deepcopy(runner.model.state_dict())


@pytest.fixture(scope='module')
def finetuned(tmp_path_factory):
    """A run of the template that started from the paper's POET, tiny: the
    weights of that, of its own start and end, and its checkpoint."""
    folder = tmp_path_factory.mktemp('finetuned')
    source = make_small(read_config('poet_r50_coco'))
    model = MODELS.build(source.model)
    torch.save(dict(state_dict=model.state_dict()), folder / 'coco.pth')
    cfg = small_config(FINETUNE, folder)
    cfg.load_from = str(folder / 'coco.pth')
    runner, keep = Runner.from_cfg(cfg), KeepStart()
    runner.register_hook(keep)
    runner.train()
    saved = load_checkpoint(cfg.work_dir)
    return model.state_dict(), keep.start, runner.model.state_dict(), saved


def test_finetuning_takes_what_fits(finetuned):
    source, start, _, _ = finetuned
    fits = start.keys() & source.keys()
    assert all(torch.equal(start[name], source[name]) for name in fits)
    parts = {'.'.join(name.split('.')[:2]) for name in start.keys() - fits}
    new = ('branches', 'center_embed', 'denoising', 'detail', 'proposals')
    assert parts == {f'head.{name}' for name in new}


def test_finetuning_freezes_and_averages(finetuned):
    """Frozen parts stay, the others move, and what is kept is their mean."""
    _, start, end, saved = finetuned
    moved = {key for key in end if not torch.equal(start[key], end[key])}
    frozen = tuple(
        f'backbone.{n}' for n in ('conv1', 'bn1', 'layer1', 'layer2')
    )
    assert not any(name.startswith(frozen) for name in moved)
    key = 'head.input_proj.weight'
    assert {'backbone.layer3.0.conv1.weight', key} <= moved
    assert torch.equal(saved['ema_state_dict'][f'module.{key}'], end[key])
    assert not torch.equal(saved['state_dict'][key], end[key])
    assert not torch.equal(saved['state_dict'][key], start[key])
