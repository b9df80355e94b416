"""Conversion computes what the source computes; every weight has a place."""

import re

import pytest
import torch
import torchvision
from helpers import ROOT
from mmengine.config import Config
from mmpose.registry import MODELS
from random_release import small_cfg

from poet_mm.checkpoints import convert as module
from poet_mm.checkpoints.convert import (
    convert,
    convert_to_release,
    largest_difference,
)
from poet_mm.checkpoints.loading import WHOLE_BLOCKS, starting_weights
from poet_mm.errors import UserError


@pytest.fixture
def save(tmp_path):
    """Write a checkpoint; return its path."""

    def save(content):
        torch.save(content, tmp_path / 'saved.pth')
        return str(tmp_path / 'saved.pth')

    return save


def test_release_computes_the_same(conversion):
    """The source's equations, in plain torch: its backbone, its positions, its
    masks, its order of outputs."""
    difference = largest_difference(conversion)
    assert difference['poses'] < 1e-5
    assert difference['logits'] < 1e-5
    assert difference['max_logit'] > 0.1
    head = conversion.model.head
    assert (head.num_queries, head.num_classes) == (7, 2)


def test_finetuning_starts_from_the_release(conversion):
    """With another skeleton: backbone and transformer are taken whole."""
    cfg = small_cfg('poet_fast_r50_finetune')
    cfg.model.head.num_keypoints = 5
    cfg.model.head.detail.in_channels = [32, 64, 128, 256]
    model = MODELS.build(cfg.model)
    release = conversion.model.state_dict()
    start, sentences = starting_weights(model, release, 'release.pth')
    taken = {
        name
        for name, value in start.items()
        if name in release and torch.equal(value, release[name])
    }
    assert {name for name in start if name.startswith(WHOLE_BLOCKS)} <= taken
    named = ' '.join(sentences)
    new = {'.'.join(name.split('.')[:2]) for name in start.keys() - taken}
    assert 'head.branches' in new
    assert all(name in named for name in new)


@pytest.mark.parametrize(
    'change',
    [dict(style='caffe'), dict(strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2))],
)
def test_comparison_sees_a_wrong_backbone(release_file, change, monkeypatch):
    """Weights fit all of these; only what is computed tells."""
    cfg = small_cfg(**{f'model.backbone.{k}': v for k, v in change.items()})
    if 'style' in change:
        with pytest.raises(UserError, match=r'backbone\.style=pytorch'):
            convert('poet', release_file, cfg)
        monkeypatch.setattr(module, 'check_config', lambda *_: None)
    with pytest.raises(UserError, match=r'differs.*\d'):
        largest_difference(convert('poet', release_file, cfg))


@pytest.mark.parametrize(
    'name',
    [
        'class_embed.weight',
        'query_embed.weight',
        'backbone.0.body.bn1.bias',
        'transformer.encoder.layers.1.norm1.weight',
        'transformer.decoder.layers.0.multihead_attn.in_proj_weight',
        'kpt_embed.layers.2.weight',
    ],
)
def test_comparison_sees_a_wrong_weight(conversion, name):
    """Rows in reverse, or NaN, in the source only."""
    value = conversion.source[name]
    for wrong in (value.flip(0), value * float('nan')):
        other = conversion._replace(source={**conversion.source, name: wrong})
        with pytest.raises(UserError, match=r'differs.*\d'):
            largest_difference(other)


def test_comparison_sees_padding(conversion, monkeypatch):
    """A source that looks at padding is another one."""
    model = module.release_model
    monkeypatch.setattr(
        module,
        'release_model',
        lambda w, images, padding: model(w, images, padding & False),
    )
    with pytest.raises(UserError, match=r'differs.*\d'):
        largest_difference(conversion)


@pytest.mark.parametrize(
    ('change', 'said'),
    [
        ({'extra.weight': torch.ones(1)}, r'1 of \d+ .* as extra\.weight'),
        (
            {'transformer.decoder.norm.bias': None},
            r'head\.decoder\.post_norm\.bias is not in the checkpoint',
        ),
        ({'input_proj.bias': None}, r'input_proj\.bias is not in'),
        ({'class_embed.weight': torch.ones(92, 16)}, 'these weights have 92'),
        (
            {'kpt_embed.layers.2.bias': torch.ones(17)},
            r'pose_embed\.layers\.2\.bias is \(17,\) in the checkpoint',
        ),
    ],
)
def test_every_weight_has_a_place(release, save, change, said):
    weights = {**release, **change}
    weights = {k: v for k, v in weights.items() if v is not None}
    with pytest.raises(UserError, match=said):
        convert('poet', save(dict(model=weights)), small_cfg())


@pytest.mark.parametrize(
    ('config', 'stride'),
    [('poet_r50_coco', (2, 2)), ('poet_dc5_r50_512_coco', (1, 1))],
)
def test_detr(detr_file, config, stride):
    """The trunk and the first queries of DETR, whole."""
    path, weights = detr_file
    conversion = convert('detr', path, small_cfg(config))
    assert conversion.dropped == [
        'class_embed (2 weights)',
        'bbox_embed (6 weights)',
        '75 of 100 queries',
    ]
    ours = conversion.checkpoint['state_dict']
    missing = {
        name
        for name in set(conversion.model.state_dict()) - set(ours)
        if 'num_batches' not in name
    }
    outputs = ('head.class_embed.', 'head.pose_embed.')
    assert len(missing) == 8
    assert all(name.startswith(outputs) for name in missing)
    assert torch.equal(
        ours['head.query_embedding.weight'], weights['query_embed.weight'][:25]
    )
    assert conversion.model.backbone.layer4[0].conv2.stride == stride


def test_detr_for_the_fast_poet(detr_file):
    """It has no learned queries; those of DETR are dropped."""
    conversion = convert(
        'detr', detr_file[0], small_cfg('poet_fast_r50_512_coco')
    )
    assert 'query' not in str(list(conversion.checkpoint['state_dict']))
    assert conversion.dropped[-1] == '100 of 100 queries'


def test_detr_mistakes(detr_file):
    cfg = small_cfg('poet_r50_coco', **{'model.head.num_queries': 101})
    with pytest.raises(UserError, match=r'has 101 queries.* checkpoint 100'):
        convert('detr', detr_file[0], cfg)
    with pytest.raises(UserError, match=r'layer3\.6\.conv1\.weight is not in'):
        convert('detr', detr_file[0], small_cfg('poet_r101_coco'))


@pytest.mark.parametrize('prefix', ['', 'backbone.'])
def test_backbones_need_no_conversion(prefix, save):
    """init_cfg loads those of other programs, as docs/checkpoints.md says."""
    theirs = torchvision.models.resnet18(num_classes=3).eval()
    state = theirs.state_dict()
    path = save({f'{prefix}{name}': value for name, value in state.items()})
    with pytest.raises(UserError, match=r'no place .*init_cfg'):
        convert('detr', path, small_cfg('poet_r50_coco'))
    cfg = Config.fromfile(ROOT / 'configs' / 'poet_r50_512_coco.py')
    cfg.model.backbone.depth = 18
    cfg.model.backbone.init_cfg = dict(type='Pretrained', checkpoint=path)
    if prefix:
        cfg.model.backbone.init_cfg.prefix = prefix
    backbone = MODELS.build(cfg.model.backbone)
    backbone.init_weights()
    backbone.eval()
    images = torch.randn(1, 3, 64, 64)
    theirs.avgpool, theirs.fc = torch.nn.Identity(), torch.nn.Identity()
    with torch.no_grad():
        expected = theirs(images).reshape(1, 512, 2, 2)
        (got,) = backbone(images)
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize(
    ('part', 'missing'),
    [
        ('head.', 'input_proj.weight'),
        ('backbone.', r'backbone\.0\.body\.conv1'),
        ('head.encoder.layers.', r'encoder\.layers\.0'),
        ('head.query_embedding.', 'query_embed'),
        ('head.encoder.layers.1.norms.0.', r'layers\.1\.norm1\.weight'),
        ('head.decoder.post_norm.bias', r'decoder\.norm\.bias'),
        ('head.pose_embed.', r'kpt_embed\.layers\.0'),
    ],
)
def test_release_is_a_whole_model(conversion, save, part, missing):
    state = conversion.checkpoint['state_dict']
    weights = {k: v for k, v in state.items() if not k.startswith(part)}
    with pytest.raises(UserError, match=rf"{missing}.*' is missing"):
        convert_to_release(save(dict(state_dict=weights)))


def test_to_release(save):
    """It names the counters that it drops, and refuses other classes."""
    state = MODELS.build(small_cfg().model).state_dict()
    counters = [name for name in state if name.endswith('batches_tracked')]
    release, dropped = convert_to_release(save(state))
    assert len(release['model']) == len(state) - len(counters)
    assert dropped == [f'num_batches_tracked ({len(counters)} weights)']
    state['head.class_embed.weight'] = torch.ones(2, 16)
    with pytest.raises(UserError, match='these weights have 2'):
        convert_to_release(save(state))


def test_release_with_other_attention_heads(conversion, save, monkeypatch):
    monkeypatch.setattr('poet_mm.checkpoints.release_model.HEADS', 3)
    with pytest.raises(UserError, match=r'attention heads.*\[3, -1\]'):
        convert_to_release(save(conversion.checkpoint))


@pytest.fixture(scope='module')
def mmpose_ae():
    """Weights by the names of MMPose 0.x."""
    cfg = Config.fromfile(ROOT / 'configs' / 'ae_r18_s4_toy.py')
    state = MODELS.build(cfg.model).state_dict()
    return {
        re.sub('^head', 'keypoint_head', name): value
        for name, value in state.items()
    }


@pytest.mark.parametrize(
    ('change', 'said'),
    [
        (
            {'keypoint_head.final_layer.bias': None},
            r'final_layer\.bias is not',
        ),
        ({'keypoint_head.deconv_layers.1.bias': None}, r'deconv_layers\.1'),
        ({'keypoint_head.final_layers.0.bias': torch.ones(34)}, '1 of '),
        ({'keypoint_head.final_layer.bias': torch.ones(17)}, r'is \(17,\)'),
        ({'backbone.conv1.weight': None}, r'conv1\.weight is not in'),
    ],
)
def test_every_weight_of_mmpose_has_a_place(mmpose_ae, save, change, said):
    weights = {**mmpose_ae, **change}
    weights = {k: v for k, v in weights.items() if v is not None}
    cfg = Config.fromfile(ROOT / 'configs' / 'ae_r18_s4_toy.py')
    with pytest.raises(UserError, match=said):
        convert('mmpose-ae', save(dict(state_dict=weights)), cfg)


def test_mmpose_for_another_model(mmpose_ae, save):
    with pytest.raises(UserError, match='AEHead, got POETHead'):
        convert('mmpose-ae', save(mmpose_ae), small_cfg())
    cfg = Config.fromfile(ROOT / 'configs' / 'ae_r18_s8_toy.py')
    with pytest.raises(UserError, match=r'deconv_layers\.6'):
        convert('mmpose-ae', save(mmpose_ae), cfg)
    with pytest.raises(UserError, match=r'mmpose-ae .* DST'):
        convert('detr', save(mmpose_ae), small_cfg('poet_r50_coco'))


def test_layouts_are_not_mistaken(release_file, detr_file, conversion, save):
    """The fitting subcommand is named."""
    ours = save(conversion.checkpoint)
    for layout, wrong, fitting in (
        ('to-release', release_file, 'poet'),
        ('poet', detr_file[0], 'detr'),
        ('poet', ours, 'to-release'),
        ('detr', release_file, 'poet'),
    ):
        with pytest.raises(UserError, match=f'{fitting} {wrong} DST'):
            convert(layout, wrong, small_cfg())


@pytest.mark.parametrize(
    ('name', 'changes', 'said'),
    [
        (
            'poet_r50_release_coco',
            {'model.head.num_classes': 1},
            r'\(ValueError: .*num_classes',
        ),
        (
            'poet_r50_release_coco',
            {'model.head.abc': 1},
            r'\(TypeError: .*abc',
        ),
        (
            'poet_r50_release_coco',
            {'model.head.encoder.layer_cfg.self_attn_cfg.num_heads': 4},
            'num_heads=8',
        ),
        ('poet_r50_release_coco', {'model.head': None}, 'POETHead, got none'),
        ('ae_r50_s8_512_coco', {}, 'POETHead, got AEHead'),
    ],
)
def test_wrong_configs(release_file, name, changes, said):
    cfg = Config.fromfile(ROOT / 'configs' / f'{name}.py')
    cfg.merge_from_dict(changes)
    with pytest.raises(UserError, match=said):
        convert('poet', release_file, cfg)
