"""Every config builds, its pipelines run, and its model makes a step."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import random_outputs, random_people, random_samples
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmengine.runner import load_checkpoint
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import MODELS

from poet_mm.comparison.cost import count_parameters
from poet_mm.models.targets import stack_targets
from poet_mm.utils.config import read_config, walk

ROOT = Path(__file__).parent.parent
CONFIGS = sorted((ROOT / 'configs').glob('*.py'))
POET_CONFIGS = [path for path in CONFIGS if path.stem.startswith('poet')]
AE_CONFIGS = [path for path in CONFIGS if path.stem.startswith('ae')]
PEER_CONFIGS = [
    path
    for path in CONFIGS
    if path.stem.startswith(('rtmo', 'yoloxpose', 'cid'))
]
COMPARISONS = sorted((ROOT / 'configs' / 'comparisons').glob('*.py'))
MMPOSE_TESTS = sorted((ROOT / 'configs' / 'mmpose_test').glob('*.py'))
SMALL = 64  # pixels of a side
COCO = parse_pose_metainfo(dict(from_file='configs/_base_/datasets/coco.py'))


def raw_sample(num_people=2, size=(120, 90), metainfo=COCO):
    """What the data set hands to the pipeline, the image in memory."""
    keypoints, visible = random_people(
        num_people, metainfo['num_keypoints'], size
    )
    visible[:, 0] = 2
    height, width = size
    corners = np.tile(
        np.array([0, 0, width, height], dtype=np.float32), (num_people, 1)
    )
    return dict(
        img=np.full((*size, 3), 127, dtype=np.uint8),
        img_id=1,
        id=list(range(num_people)),
        keypoints=keypoints,
        keypoints_visible=visible,
        bbox=corners,
        area=np.full(num_people, 500, dtype=np.float32),
        iscrowd=np.zeros(num_people, dtype=np.int64),
        flip_indices=metainfo['flip_indices'],
        dataset_keypoint_weights=metainfo['dataset_keypoint_weights'],
    )


def shrink(inputs):
    """A small picture in place of a full-size one, to save time."""
    sample = inputs['data_samples']
    sample.set_metainfo(dict(img_shape=(64, 80)))
    inputs['inputs'] = torch.randint(0, 255, (3, 64, 80), dtype=torch.uint8)
    return inputs


@pytest.mark.slow
@pytest.mark.parametrize('path', POET_CONFIGS, ids=lambda path: path.stem)
def test_poet_config_trains_two_steps(path):
    """One image of the first step has no people, none of the second has."""
    cfg = read_config(path)
    assert cfg.train_dataloader.dataset.pipeline[-2].encoder == (
        cfg.model.head.codec
    )
    metainfo = parse_pose_metainfo(cfg.train_dataloader.dataset.metainfo)
    pipeline = Compose(
        step
        for step in cfg.train_dataloader.dataset.pipeline
        if step.type != 'PastePeople'  # it needs a data set
    )
    batches = [
        pseudo_collate(
            [
                shrink(pipeline(raw_sample(n, metainfo=metainfo)))
                for n in counts
            ]
        )
        for counts in ((2, 0), (0, 0))
    ]
    cfg.model.backbone.init_cfg = None
    model = MODELS.build(cfg.model)
    model.init_weights()
    model.train()
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    head = model.head
    predictor = head.branches[-1] if head.branches else head
    before = predictor.pose_embed.layers[-1].weight.clone()
    loss, num_layers = head.loss_module, cfg.model.head.decoder.num_layers
    terms = 1 + len(loss.terms) + (loss.oks_weight > 0)
    proposed = terms * (head.proposals is not None)
    noised = num_layers * (terms - 1) * (head.denoising is not None)
    for batch in batches:
        logs = model.train_step(batch, wrapper)
        assert torch.isfinite(logs['loss'])
        assert len(logs) == (
            num_layers * (terms + cfg.model.head.get('predict_oks', False))
            + proposed
            + noised
            + 1
        )
    assert not torch.equal(before, predictor.pose_embed.layers[-1].weight)


def make_small(cfg):
    """An AE config at 64 pixels, same stride."""
    for node in walk(cfg.to_dict()):
        assert node.get('type') != 'AssociativeEmbedding'  # MMPose's
    for node in walk(cfg._cfg_dict):
        if node.get('type') == 'AECodec':
            stride = node.input_size[0] // node.heatmap_size[0]
            node.input_size = (SMALL, SMALL)
            node.heatmap_size = (SMALL // stride, SMALL // stride)
        elif node.get('type') == 'RandomAffine':
            node.size = (SMALL, SMALL)
        elif node.get('type') == 'ShortEdgeResize':  # of the toy configs
            node.update(short_edges=SMALL, max_size=SMALL)


@pytest.mark.slow
@pytest.mark.parametrize('path', AE_CONFIGS, ids=lambda path: path.stem)
def test_ae_config_trains_two_steps_and_predicts(path):
    cfg = Config.fromfile(path)
    assert cfg.train_dataloader.dataset.pipeline[-3].encoder == (
        cfg.model.head.decoder
    )
    make_small(cfg)
    pipeline = Compose(cfg.train_dataloader.dataset.pipeline)
    size = (SMALL, SMALL) if 'toy' in path.stem else (120, 90)
    batch = pseudo_collate([pipeline(raw_sample(n, size)) for n in (2, 0)])
    cfg.model.backbone.init_cfg = None
    model = MODELS.build(cfg.model)
    model.init_weights()
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    before = model.head.final_layer.weight.clone()
    for _ in range(2):
        model.train()
        logs = model.train_step(batch, wrapper)
        assert set(logs) == {'loss', 'loss_heatmap', 'loss_pull', 'loss_push'}
        assert torch.isfinite(logs['loss'])
    assert not torch.equal(before, model.head.final_layer.weight)
    model.eval()
    torch.nn.init.constant_(model.head.final_layer.bias, 1)
    test = Compose(cfg.test_dataloader.dataset.pipeline)
    (people,) = model.test_step(pseudo_collate([shrink(test(raw_sample()))]))
    assert people.pred_instances.keypoints.shape[1:] == (17, 2)
    assert len(people.pred_instances.keypoints)


@pytest.mark.slow
@pytest.mark.parametrize('path', PEER_CONFIGS, ids=lambda path: path.stem)
def test_peer_config_trains_two_steps_and_predicts(path):
    """One image of the batch has no people; a crowd is not learned."""
    cfg = read_config(str(path))
    pipeline = Compose(cfg.train_dataloader.dataset.pipeline[1:])
    samples = [raw_sample(n, (128, 128)) for n in (2, 0, 2)]
    for sample in samples:
        sample.update(ori_shape=(128, 128), img_shape=(128, 128))
    samples[2]['iscrowd'][0] = 1
    batch = pseudo_collate([pipeline(sample) for sample in samples])
    found = [len(x.gt_instance_labels) for x in batch['data_samples'][1:]]
    assert found == [0, 1]
    model = MODELS.build(cfg.model)
    model.init_weights()
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    for _ in range(2):
        model.train()
        logs = model.train_step(batch, wrapper)
        assert torch.isfinite(logs['loss'])
    model.eval()
    test = Compose(cfg.test_dataloader.dataset.pipeline[1:])
    sample = raw_sample(size=(128, 128))
    sample.update(ori_shape=(128, 128), img_shape=(128, 128))
    with torch.no_grad():
        (people,) = model.test_step(pseudo_collate([test(sample)]))
    assert people.pred_instances.keypoints.shape[1:] == (17, 2)


@pytest.mark.parametrize(
    ('name', 'millions'),
    [
        ('ae_r50_s4', 34.0),
        ('ae_r50_s8', 33.0),
        ('ae_r50_s16', 31.9),
        ('ae_r50_s32', 23.6),
        ('ae_dc5_r50_s16', 23.6),
    ],
)
def test_parameters_of_ae(name, millions):
    """As counted; Table 2 prints 31.9M for every stride."""
    cfg = Config.fromfile(ROOT / 'configs' / f'{name}_512_coco.py')
    cfg.model.backbone.init_cfg = None
    total, trained = count_parameters(MODELS.build(cfg.model))
    assert total == trained
    assert total / 1e6 == pytest.approx(millions, abs=0.05)
    codec = cfg.model.head.decoder
    stride = int(re.search(r'_s(\d+)', name)[1])
    assert codec.input_size[0] // codec.heatmap_size[0] == stride


@pytest.mark.parametrize('stride', [8, 16, 32])
def test_lower_strides_start_from_stride_4(stride, tmp_path):
    """As the paper's did: what fits is taken over."""
    models = []
    for s in (4, stride):
        cfg = Config.fromfile(ROOT / 'configs' / f'ae_r18_s{s}_toy.py')
        models.append(MODELS.build(cfg.model))
    old, new = models
    torch.save(dict(state_dict=old.state_dict()), tmp_path / 's4.pth')
    load_checkpoint(new, str(tmp_path / 's4.pth'), strict=False)
    before, after = old.state_dict(), new.state_dict()
    fits = {key for key in after if before[key].shape == after[key].shape}
    assert set(after) - fits == (
        {'head.final_layer.weight'} if stride == 32 else set()
    )
    assert all(torch.equal(after[key], before[key]) for key in fits)


def test_both_methods_see_the_same_test_images():
    poet, ae = (
        Config.fromfile(ROOT / 'configs' / f'{name}_512_coco.py')
        for name in ('poet_r50', 'ae_r50_s4')
    )
    for name in ('test_dataloader', 'val_dataloader', 'test_evaluator'):
        assert poet[name] == ae[name]
    for cfg in (poet, ae):
        cfg.train_dataloader.dataset.pop('pipeline')
    assert poet.train_dataloader.dataset == ae.train_dataloader.dataset


@pytest.mark.parametrize(
    'path', CONFIGS + COMPARISONS + MMPOSE_TESTS, ids=lambda path: path.stem
)
def test_command_of_the_header_is_for_this_file(path):
    head = path.read_text().split('"""')[1]
    own = path.relative_to(ROOT).as_posix()
    assert re.search(f'{own}|quickstart.sh|toy_comparison.sh', head)
    for tool in re.findall(r'tools/\w+\.(?:py|sh)', head):
        assert (ROOT / tool).is_file(), tool


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_header_gives_batch_and_epochs_of_the_config(path):
    """Batch over all GPUs; the toy comparison has its own number of epochs."""
    head = path.read_text().split('"""')[1]
    cost = re.search(r'Cost    batch (\d+), (\d+) epochs', head)
    cfg = Config.fromfile(path)
    gpus = re.search(r'dist_train\.sh \S+ (\d+)', head)
    assert int(cost[1]) == (
        cfg.train_dataloader.batch_size * int(gpus[1] if gpus else 1)
    )
    epochs = cfg.train_cfg.max_epochs
    if 'toy_comparison.sh' in head:
        comparison = ROOT / 'configs' / 'comparisons' / 'stride_toy.py'
        epochs = Config.fromfile(comparison).budget.epochs
    assert int(cost[2]) == epochs


def test_five_keypoints_change_only_the_skeleton():
    """Check the settings that this config repeats from the other."""
    five, toy = (
        Config.fromfile(ROOT / 'configs' / f'{name}.py').to_dict()
        for name in ('poet_fast_r18_five_toy', 'poet_fast_r18_toy')
    )
    for node in walk(five):
        for key in {'metainfo', 'num_keypoints'} & node.keys():
            node[key] = toy[key]
    assert five == toy


def test_v2_is_v1_without_the_centre_term():
    v1, v2 = (
        Config.fromfile(ROOT / 'configs' / f'{name}.py').to_dict()
        for name in ('poet_r50_coco', 'poet_v2_r50_coco')
    )
    loss = v1['model']['head']['loss']
    del loss['terms']['centers']
    costs = loss['assigner']['match_costs']
    loss['assigner']['match_costs'] = [
        cost for cost in costs if cost.get('field') != 'centers'
    ]
    assert v2 == v1


def test_v2_leaves_the_centre_free():
    """Only centre + offset counts: the loss does not see a shift of both."""
    cfg = read_config('poet_v2_r50_coco')
    loss = MODELS.build(cfg.model.head.loss)
    outputs = random_outputs(requires_grad=True)
    targets = stack_targets(random_samples([3, 2]))
    losses = loss(outputs, *targets)
    shift = torch.rand_like(outputs['centers'])
    shifted = dict(
        outputs,
        centers=outputs['centers'] + shift,
        offsets=outputs['offsets'] - shift[..., None, :],
    )
    torch.testing.assert_close(loss(shifted, *targets), losses)
    sum(losses.values()).backward()
    gradient = outputs['offsets'].grad.sum(-2)
    assert gradient.abs().sum() > 0
    torch.testing.assert_close(outputs['centers'].grad, gradient)


def test_paper_recipe():
    """What the paper states is what the base config says."""
    cfg = Config.fromfile(CONFIGS[0].parent / 'poet_r50_coco.py')
    head = cfg.model.head
    assert (
        head.num_queries,
        head.encoder.num_layers,
        head.decoder.num_layers,
    ) == (25, 6, 6)
    assert head.encoder.layer_cfg.self_attn_cfg == dict(
        embed_dims=256, num_heads=8, dropout=0.1
    )
    assert head.encoder.layer_cfg.ffn_cfg.feedforward_channels == 2048
    assert head.loss.nobody_weight == 0.1
    wrapper = cfg.optim_wrapper
    assert wrapper.optimizer == dict(type='AdamW', lr=1e-4, weight_decay=1e-4)
    assert wrapper.clip_grad.max_norm == 0.1
    model = MODELS.build(
        dict(cfg.model, backbone=dict(cfg.model.backbone, init_cfg=None))
    )
    count = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert count / 1e6 == pytest.approx(41.3, abs=0.05)  # Table 2
