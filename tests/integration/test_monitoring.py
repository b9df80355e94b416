"""Log of a training: validation loss, matched OKS, people found, pictures."""

import json
from pathlib import Path

import pytest
import torch
from make_toy_coco import make_toy_coco
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.runner import Runner
from tool_runs import CONFIG

pytestmark = pytest.mark.slow

TINY = {
    'model.backbone.base_channels': 8,
    'model.backbone.stem_channels': 8,
    'model.head.in_channels': 32,
    'train_cfg.max_epochs': 2,
    'train_cfg.val_interval': 1,
    'param_scheduler': [],
    'train_dataloader.batch_size': 3,
    'train_dataloader.dataset.images': 'all',
    'val_dataloader.batch_size': 3,
    'default_hooks.checkpoint.interval': 2,
    'default_hooks.logger.interval': 1,
}


def train(toy, work_dir, **options):
    """Two epochs of eight images -> runner and the records of its log."""
    cfg = Config.fromfile(CONFIG)
    cfg.merge_from_dict({**TINY, **options})
    cfg.work_dir, cfg.experiment_name = str(work_dir), work_dir.name
    cfg.visualizer.name = work_dir.name  # there is one of each name
    for name in ('train', 'val'):
        cfg[f'{name}_dataloader'].dataset.data_root = str(toy)
    cfg.val_evaluator.ann_file = str(
        toy / 'annotations' / 'person_keypoints_train2017.json'
    )
    runner = Runner.from_cfg(cfg)
    runner.train()
    (scalars,) = work_dir.glob('*/vis_data/scalars.json')
    return runner, list(map(json.loads, scalars.read_text().splitlines()))


@pytest.fixture(scope='module')
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp('monitoring_toy')
    make_toy_coco(folder, 8, 1, 64, 0)
    return folder


@pytest.fixture(scope='module')
def trained(toy, tmp_path_factory):
    return train(toy, tmp_path_factory.mktemp('monitored'))


def split(records):
    """Records of training and of validation."""
    return (
        [x for x in records if 'loss' in x],
        [x for x in records if 'coco/AP' in x],
    )


def test_log(trained, toy):
    path = toy / 'annotations' / 'person_keypoints_train2017.json'
    annotations = json.loads(path.read_text())['annotations']
    num_people = sum(not person['iscrowd'] for person in annotations)
    training, validation = split(trained[1])
    assert len(training) == 6
    assert [record['step'] for record in validation] == [1, 2]
    layers = ('', 'd0.', 'd1.')
    terms = ('loss_cls', 'loss_keypoints', 'loss_visibility', 'loss_centers')
    oks = {f'{i}oks' for i in layers}
    found = {f'{i}found_per_image' for i in layers}
    qualities = oks | found | {'people_per_image'}
    losses = {f'{i}{name}' for i in layers for name in terms}
    for record in training:
        assert qualities | losses <= set(record)
    for record in validation:
        names = qualities | losses | {'loss'}
        assert {f'val/{name}' for name in names} <= set(record)
        assert record['val/loss'] == pytest.approx(
            sum(record[f'val/{name}'] for name in losses)
        )
        assert all(0 <= record[f'val/{name}'] <= 1 for name in oks)
        people = record['val/people_per_image']
        assert people == num_people / 8
        assert all(0 <= record[f'val/{name}'] <= people for name in found)


def test_validation_loss_is_that_of_training(trained):
    """All images in one batch, through the training pipeline, in eval mode;
    the validation had batches of 3, 3 and 2."""
    runner, records = trained
    model = runner.model.eval()
    dataset = runner.train_dataloader.dataset
    batch = [dataset[i] for i in range(8)]
    data = model.data_preprocessor(pseudo_collate(batch))
    with torch.no_grad():
        expected = model(**data, mode='loss')
    last = split(records)[1][-1]
    for name, value in expected.items():
        assert last[f'val/{name}'] == pytest.approx(value.item(), rel=1e-5)
    assert last['val/loss'] == pytest.approx(
        sum(expected.values()).item(), rel=1e-5
    )


def test_training_is_not_disturbed(trained, toy, tmp_path_factory):
    """The same losses and weights without the hooks, to rounding."""
    others = [dict(type='SyncBuffersHook'), dict(type='ChannelsLastHook')]
    plain, records = train(
        toy, tmp_path_factory.mktemp('plain'), custom_hooks=others
    )
    with_hooks, without = split(trained[1])[0], split(records)[0]
    for got, expected in zip(with_hooks, without):
        for name, value in expected.items():
            if 'loss' in name or name == 'grad_norm':
                assert got[name] == pytest.approx(value, rel=1e-6), name
    weights = trained[0].model.state_dict()
    for name, value in plain.model.state_dict().items():
        torch.testing.assert_close(value, weights[name])
    assert 'oks' not in without[0]
    assert not plain.model.head.loss_module.listeners
    assert not trained[0].model.head.loss_module.listeners
    assert not trained[0].model.head._forward_hooks


def test_samples_are_drawn(trained):
    """The same four images at both validations."""
    (folder,) = Path(trained[0].work_dir).glob('*/vis_data/vis_image')
    names = sorted(path.stem for path in folder.iterdir())
    assert names == [
        f'sample_{i}_{epoch}' for i in (1, 2, 3, 4) for epoch in (1, 2)
    ]
