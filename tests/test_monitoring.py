"""What training shows: validation loss, matched OKS, people found, pictures.
"""
import json
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import (
    FAST_LOSS,
    make_sample,
    random_outputs,
    random_people,
    tiny_head,
)
from make_toy_coco import make_toy_coco
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample
from xtcocotools.coco import COCO
from xtcocotools.cocoeval import COCOeval

from poet_mm import cli
from poet_mm.codecs.poet_codec import POETCodec
from poet_mm.engine.hooks import loss_totals as totals
from poet_mm.engine.hooks.loss_totals import match_quality, means, to_host
from poet_mm.engine.hooks.match_quality import MatchQualityHook
from poet_mm.engine.hooks.sample_predictions import (
    SamplePredictionsHook,
    drawable,
)
from poet_mm.engine.hooks.validation_loss import (
    ValidationLossHook,
    with_targets,
)
from poet_mm.errors import UserError
from poet_mm.models.losses.oks import matched_oks
from poet_mm.models.targets import stack_targets

CONFIG = Path(__file__).parent.parent / 'configs' / 'poet_r18_toy.py'
SIGMAS = np.array([0.05, 0.1, 0.02, 0.08, 0.06])
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
    'default_hooks.logger.interval': 1
}


def train(toy, work_dir, **options):
    """Two epochs of eight images -> runner and the records of its log."""
    init_default_scope('mmpose')
    cfg = Config.fromfile(CONFIG)
    cfg.merge_from_dict({**TINY, **options})
    cfg.work_dir, cfg.experiment_name = str(work_dir), work_dir.name
    cfg.visualizer.name = work_dir.name  # there is one of each name
    if find_spec('tensorboard'):
        cli.use_tensorboard(cfg)
    for name in ('train', 'val'):
        cfg[f'{name}_dataloader'].dataset.data_root = str(toy)
    cfg.val_evaluator.ann_file = str(
        toy / 'annotations' / 'person_keypoints_train2017.json')
    runner = Runner.from_cfg(cfg)
    runner.train()
    scalars, = work_dir.glob('*/vis_data/scalars.json')
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
    return ([x for x in records if 'loss' in x],
            [x for x in records if 'coco/AP' in x])


def count_people(toy):
    """People of the eight images, less crowds."""
    path = toy / 'annotations' / 'person_keypoints_train2017.json'
    people = json.loads(path.read_text())['annotations']
    return sum(not person['iscrowd'] for person in people)


def test_log(trained, toy):
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
        # a sum of losses only
        assert record['loss'] > 0
    for record in validation:
        names = qualities | losses | {'loss'}
        assert {f'val/{name}' for name in names} <= set(record)
        assert record['val/loss'] == pytest.approx(
            sum(record[f'val/{name}'] for name in losses))
        assert all(0 <= record[f'val/{name}'] <= 1 for name in oks)
        people = record['val/people_per_image']
        assert people == count_people(toy) / 8
        assert all(0 <= record[f'val/{name}'] <= people for name in found)


def test_validation_loss_is_that_of_training(trained):
    """All images in one batch, through the training pipeline, in eval mode;
    the validation had batches of 3, 3 and 2."""
    runner, records = trained
    model = runner.model.eval()
    dataset = runner.train_dataloader.dataset
    batch = [dataset[i] for i in range(8)]
    data = model.data_preprocessor(
        dict(
            inputs=[data['inputs'] for data in batch],
            data_samples=[data['data_samples'] for data in batch]))
    with torch.no_grad():
        expected = model(**data, mode='loss')
    last = split(records)[1][-1]
    for name, value in expected.items():
        assert last[f'val/{name}'] == pytest.approx(value.item(), rel=1e-5)
    assert last['val/loss'] == pytest.approx(
        sum(expected.values()).item(), rel=1e-5)


def test_training_is_not_disturbed(trained, toy, tmp_path_factory):
    """The same losses and weights without the hooks, to rounding."""
    others = [dict(type='SyncBuffersHook'), dict(type='ChannelsLastHook')]
    plain, records = train(
        toy, tmp_path_factory.mktemp('plain'), custom_hooks=others)
    with_hooks, without = split(trained[1])[0], split(records)[0]
    for got, expected in zip(with_hooks, without):
        for name, value in expected.items():
            if 'loss' in name or name == 'grad_norm':
                assert got[name] == pytest.approx(value, rel=1e-6), name
    weights = trained[0].model.state_dict()
    for name, value in plain.model.state_dict().items():
        torch.testing.assert_close(value, weights[name])
    assert 'oks' not in without[0]
    assert plain.model.head.loss_module.watcher is None
    assert trained[0].model.head.loss_module.watcher is None
    assert not trained[0].model.head._forward_hooks


def test_samples_are_drawn(trained):
    """The same four images at both validations."""
    folder, = Path(trained[0].work_dir).glob('*/vis_data/vis_image')
    names = sorted(path.stem for path in folder.iterdir())
    assert names == [
        f'sample_{i}_{epoch}' for i in (1, 2, 3, 4) for epoch in (1, 2)
    ]


def test_tensorboard(trained):
    accumulator = pytest.importorskip(
        'tensorboard.backend.event_processing.event_accumulator')
    event, = Path(trained[0].work_dir).glob('*/vis_data/events.*')
    events = accumulator.EventAccumulator(str(event)).Reload()
    for name in ('loss', 'd0.loss_cls', 'oks', 'd0.found_per_image', 'coco/AP',
                 'val/loss', 'val/d1.oks'):
        expected = [(x['step'], x[name]) for x in trained[1] if name in x]
        got = [(x.step, x.value) for x in events.Scalars(name)]
        np.testing.assert_allclose(got, expected, rtol=1e-6, err_msg=name)
    assert [x.step for x in events.Images('sample_1')] == [1, 2]


def test_tensorboard_is_optional(monkeypatch):
    monkeypatch.setattr(cli, 'find_spec', lambda name: None)
    with pytest.raises(UserError, match='pip install tensorboard'):
        cli.use_tensorboard(Config.fromfile(CONFIG))


def coco_oks(keypoints, visible, areas, predictions):
    """COCO's OKS (queries, people) of one image, K = 5."""
    people = [
        dict(
            id=n + 1,
            image_id=1,
            category_id=1,
            iscrowd=0,
            area=float(areas[n]),
            bbox=[0, 0, 1, 1],
            num_keypoints=int((visible[n] > 0).sum()),
            keypoints=np.column_stack([keypoints[n], visible[n]
                                       ]).ravel().tolist())
        for n in range(len(keypoints))
    ]
    found = [
        dict(
            image_id=1,
            category_id=1,
            score=1 - 0.1 * n,  # keeps the order
            keypoints=np.column_stack([points, np.ones(5)]).ravel().tolist())
        for n, points in enumerate(predictions)
    ]
    truth = COCO()
    truth.dataset = dict(
        images=[dict(id=1)], categories=[dict(id=1)], annotations=people)
    truth.createIndex()
    evaluation = COCOeval(
        truth, truth.loadRes(found), 'keypoints', SIGMAS, use_area=True)
    evaluation._prepare()
    return evaluation.computeOks(1, 1)


def test_oks_of_every_layer_is_cocos():
    """Two images, several joints hidden or not labelled."""
    size, outputs = (64, 48), random_outputs(num_layers=3)
    generator = torch.Generator().manual_seed(1)
    people = [random_people(n, generator=generator) for n in (3, 2)]
    areas = [np.array([900.0, 400.0, 2500.0]), np.array([1600.0, 30.0])]
    codec = POETCodec('labelled')
    samples = [
        make_sample(*values, size, codec=codec) for values in people
    ]
    for sample, values, area in zip(samples, people, areas):
        labels = codec.encode(*values, size, area=area)
        sample.gt_instance_labels = InstanceData(**labels).to_tensor()
    loss = tiny_head().loss_module
    targets, num_people = stack_targets(samples)
    batch = loss.measure(outputs, targets, num_people)
    got = means(to_host(match_quality(batch, torch.tensor(SIGMAS))))

    pairs = loss.assigner.assign(outputs, targets, num_people)
    pixels = (outputs['centers'].unsqueeze(-2) +
              outputs['offsets']) * torch.tensor([48.0, 64.0])
    for layer, name in enumerate(('d0.oks', 'd1.oks', 'oks')):
        tables = [
            coco_oks(*people[i], areas[i], pixels[layer, i]) for i in (0, 1)
        ]
        expected = [
            tables[image][query, person - (0, 3)[image]]
            for image, query, person in zip(*(x[layer].tolist()
                                              for x in pairs))
        ]
        assert got[name] == pytest.approx(np.mean(expected), rel=1e-4), name
        assert 0.01 < got[name] < 0.99


def test_oks_by_hand():
    """One joint a size of 2 sigmas off, one exact, one that does not count;
    a person without joints has 0."""
    true = torch.tensor([[[0.5, 0.5]] * 3] * 2)
    pred = true.clone()
    pred[0, 0, 0] += 0.1  # of 200 pixels: 20, person 100, 0.2 = 2 sigma
    pred[0, 2] = 0
    weights = torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    scales = torch.tensor([[2.0, 1.0]] * 2)
    oks = matched_oks(pred, true, weights, scales,
                      torch.tensor([0.1, 0.1, 0.1]))
    expected = (np.exp(-0.5) + 1) / 2
    np.testing.assert_allclose(oks, [expected, 0], rtol=1e-6)


def test_found_by_hand():
    """Two layers, three people; their queries give 0.6, 0.4 and 0.9 to
    "person" at the end."""
    probs = torch.tensor([[0.6, 0.4, 0.3], [0.6, 0.4, 0.9]])
    logits = torch.stack([probs, 1 - probs], -1).log()
    batch = SimpleNamespace(
        num_people=4,  # for one there was no query
        num_images=5,
        matched=dict(logits=logits),
        true=dict(labels=torch.zeros(2, 3, dtype=torch.long)))
    quality = match_quality(batch, torch.ones(1))
    assert means(to_host(quality)) == pytest.approx({
        'people_per_image': 4 / 5,
        'found_per_image': 2 / 5,
        'd0.found_per_image': 1 / 5
    })


def test_scales():
    codec = POETCodec()
    keypoints, visible = random_people(3)
    encoded = codec.encode(
        keypoints, visible, (50, 80), iscrowd=[0, 1, 0],
        area=[100.0, 5.0, 400.0])
    np.testing.assert_allclose(encoded['scales'], [[8, 5], [4, 2.5]])
    nobody = codec.encode(keypoints[:0], visible[:0], (50, 80), area=[])
    assert nobody['scales'].shape == (0, 2)
    assert 'scales' not in codec.encode(keypoints, visible, (50, 80))
    flat = codec.encode(keypoints, visible, (50, 80), area=[0, 0, 0])
    assert np.isfinite(flat['scales']).all()


def fake_runner(head):
    dataset = SimpleNamespace(metainfo=dict(sigmas=SIGMAS))
    return SimpleNamespace(
        model=SimpleNamespace(head=head),
        val_dataloader=SimpleNamespace(dataset=dataset),
        train_dataloader=SimpleNamespace(dataset=dataset),
        message_hub=SimpleNamespace(log_scalars={}))


def validation_sample(count, crowd=0):
    """What a validation pipeline packs: people in pixels, no targets."""
    keypoints, visible = random_people(count)
    sample = PoseDataSample(
        metainfo=dict(img_shape=(64, 48), batch_input_shape=(64, 48)))
    iscrowd = np.arange(count) < crowd
    sample.gt_instances = InstanceData(
        keypoints=keypoints,
        keypoints_visible=visible,
        areas=np.full(count, 100.0),
        iscrowd=iscrowd.astype(int))
    return sample


@pytest.mark.parametrize('autocast', [False, True])
@pytest.mark.parametrize('counts', [[2, 0, 3], [0, 0]])
def test_any_people_any_batches_any_precision(counts, autocast):
    """One image at a time is one batch; images without people; bfloat16
    leaves the loss in fp32."""
    head, hook = tiny_head().eval(), ValidationLossHook()
    runner = fake_runner(head)
    samples = [validation_sample(n + 1, crowd=1) for n in counts]
    feats = torch.randn(len(counts), 8, 4, 3)
    metrics = dict()
    hook.before_val_epoch(runner)
    with torch.no_grad(), torch.autocast(
            'cpu', torch.bfloat16, enabled=autocast):
        outputs = head((feats, ), samples)
        for i, sample in enumerate(samples):
            hook.outputs = {k: v[:, i:i + 1] for k, v in outputs.items()}
            hook.after_val_iter(runner, i, outputs=[sample])
    hook.after_val_epoch(runner, metrics=metrics)
    targets = [with_targets(sample, head.codec) for sample in samples]
    assert [len(x.gt_instance_labels) for x in targets] == counts
    expected = head.loss_module(outputs, *stack_targets(targets))
    for name, value in expected.items():
        assert metrics[f'val/{name}'] == pytest.approx(
            value.item(), rel=1e-5, abs=1e-9)
    assert ('val/oks' in metrics) == bool(sum(counts))


def test_targets_of_the_pipeline_come_first():
    sample = make_sample(*random_people(2))
    assert with_targets(sample, POETCodec()) is sample


def test_samples_without_people_fields(caplog):
    """Said once, and no loss; AP is not stopped by it."""
    head, hook = tiny_head().eval(), ValidationLossHook()
    runner = fake_runner(head)
    hook.before_val_epoch(runner)
    sample = PoseDataSample(
        metainfo=dict(img_shape=(64, 48), batch_input_shape=(64, 48)))
    head((torch.randn(1, 8, 4, 3), ), [sample])
    hook.after_val_iter(runner, 0, outputs=[sample])
    hook.after_val_iter(runner, 1, outputs=[sample])
    metrics = {'coco/AP': 0.5}
    hook.after_val_epoch(runner, metrics=metrics)
    assert metrics == {'coco/AP': 0.5}
    assert hook._warned


def test_samples_without_areas(monkeypatch):
    """No loss where its OKS term needs areas; the head predicts all the
    same."""
    said = []
    monkeypatch.setattr('poet_mm.engine.hooks.validation_loss.print_log',
                        lambda text, **kwargs: said.append(text))
    head, hook = tiny_head(loss=FAST_LOSS).eval(), ValidationLossHook()
    runner = fake_runner(head)
    with_area, without = validation_sample(2), validation_sample(2)
    del without.gt_instances.areas
    for sample in (with_area, without, without):
        metrics = {}
        hook.before_val_epoch(runner)
        head((torch.randn(1, 8, 4, 3), ), [sample])
        hook.after_val_iter(runner, 0, outputs=[sample])
        hook.after_val_epoch(runner, metrics=metrics)
        assert ('val/loss_oks' in metrics) == (sample is with_area)
    assert len(said) == 1
    assert "lack people's areas" in said[0]
    # no such term, no need
    head = tiny_head().eval()
    runner, hook, metrics = fake_runner(head), ValidationLossHook(), {}
    hook.before_val_epoch(runner)
    head((torch.randn(1, 8, 4, 3), ), [without])
    hook.after_val_iter(runner, 0, outputs=[without])
    hook.after_val_epoch(runner, metrics=metrics)
    assert metrics['val/loss'] > 0
    assert 'val/oks' not in metrics


@pytest.mark.parametrize(('interval', 'drawn'), [
    (1, [10, 20, 25, 30]), (10, [10, 20, 30]), (15, [10, 25]), (99, [10])])
def test_interval_of_samples_is_in_epochs(interval, drawn):
    """Validations after epochs 10, 20, 25 and 30 of 7 iterations."""
    hook, got = SamplePredictionsHook(interval=interval), []
    for epoch in (10, 20, 25, 30):
        runner = SimpleNamespace(iter=7 * epoch, train_dataloader=range(7))
        hook.before_val_epoch(runner)
        if hook.left:
            got.append(epoch)
    assert got == drawn


@pytest.mark.parametrize('hook', [
    (MatchQualityHook, 'before_train'),
    (ValidationLossHook, 'before_val_epoch')])
def test_other_heads_are_refused(hook):
    hook, method = hook
    runner = fake_runner(torch.nn.Identity())
    with pytest.raises(TypeError, match=r'POETHead.*custom_hooks'):
        getattr(hook(), method)(runner)


def test_ranks_are_weighted_by_people(monkeypatch):
    """Three ranks, one of them without a batch."""
    ranks = [
        dict(
            loss_cls=np.array([2.0, 4.0]),
            class_weight=2.5,
            loss_keypoints=np.array([1.0, 6.0]),
            num_people=3), {},
        dict(
            loss_cls=np.array([1.0, 1.0]),
            class_weight=0.5,
            loss_keypoints=np.array([1.0, 2.0]),
            num_people=1)
    ]
    monkeypatch.setattr(totals, 'all_gather_object', lambda mine: ranks)
    assert means(totals.sum_over_ranks({})) == pytest.approx({
        'loss_cls': 5 / 3,
        'd0.loss_cls': 1.0,
        'loss_keypoints': 2.0,
        'd0.loss_keypoints': 0.5
    })


def test_drawn_in_pixels_of_the_original():
    sample = PoseDataSample(
        metainfo=dict(
            input_size=(50, 40),
            input_center=np.array([50.0, 40.0]),
            input_scale=np.array([100.0, 80.0])))
    sample.gt_instances = InstanceData(
        keypoints=np.array([[[10.0, 20.0]]]),
        keypoints_visible=np.array([[1.0]]))
    sample.pred_instances = InstanceData(
        keypoints=np.array([[[20.0, 40.0]], [[1.0, 1.0]]]),
        centers=np.array([[10.0, 30.0], [1.0, 1.0]]),
        visibility=np.array([[0.7], [0.2]]),
        bbox_scores=np.array([0.9, 0.4]))
    drawn = drawable(sample, zoom=3, score_thr=0.5)
    np.testing.assert_allclose(drawn.gt_instances.keypoints, [[[60, 120]]])
    np.testing.assert_allclose(drawn.pred_instances.keypoints, [[[60, 120]]])
    np.testing.assert_allclose(drawn.pred_instances.centers, [[30, 90]])
    np.testing.assert_allclose(drawn.pred_instances.visibility, [[.7]])
    np.testing.assert_allclose(drawn.pred_instances.keypoints_visible, [[.7]])
