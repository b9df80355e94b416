"""Conversion computes what the source computes; every weight has a place."""

import convert_checkpoint
import pytest
import torch
import torchvision
from helpers import ROOT
from mmengine.config import Config
from mmpose.registry import MODELS
from random_release import small_cfg

from poet_mm.checkpoints.convert import (
    convert,
    largest_difference,
    release_of,
    require_same,
)
from poet_mm.checkpoints.release_model import release_model
from poet_mm.errors import UserError


def test_release_computes_the_same(conversion):
    """The source's equations, in plain torch: its backbone, its positions, its
    masks, its order of outputs."""
    difference = largest_difference(conversion, release_model)
    require_same(difference)
    assert difference['poses'] < 1e-5
    assert difference['logits'] < 1e-5
    assert difference['largest'] > 0.1
    head = conversion.model.head
    assert (head.num_queries, head.num_classes) == (7, 2)


@pytest.mark.parametrize(
    ('what', 'change'),
    [
        ('style', dict(style='caffe')),
        ('dilation', dict(strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2))),
    ],
)
def test_comparison_sees_a_wrong_backbone(
    release_file, what, change, monkeypatch
):
    """Weights fit all of these; only what is computed tells."""
    cfg = small_cfg(**{f'model.backbone.{k}': v for k, v in change.items()})
    if what == 'style':
        with pytest.raises(UserError, match=r'backbone\.style=pytorch'):
            convert('poet', release_file, cfg)
        monkeypatch.setattr(
            'poet_mm.checkpoints.convert.check_input', lambda cfg: None
        )
    conversion = convert('poet', release_file, cfg)
    with pytest.raises(UserError, match='differs from the source'):
        require_same(largest_difference(conversion, release_model))


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
def test_comparison_sees_a_wrong_order(conversion, name):
    """The rows of one weight in reverse, in the source only."""
    source = conversion.source
    conversion = conversion._replace(
        source={**source, name: source[name].flip(0)}
    )
    with pytest.raises(UserError, match='differs from the source'):
        require_same(largest_difference(conversion, release_model))


def test_comparison_sees_padding(conversion):
    """A source that looks at padding too is another one."""

    def without_mask(weights, images, padding):
        return release_model(weights, images, torch.zeros_like(padding))

    with pytest.raises(UserError, match='differs from the source'):
        require_same(largest_difference(conversion, without_mask))


def test_not_a_number_is_a_difference():
    with pytest.raises(UserError, match='nan in its logits'):
        require_same(dict(logits=float('nan'), poses=0.0, largest=1.0))


@pytest.mark.parametrize(
    ('change', 'said'),
    [
        (
            lambda w: w.update({'extra.weight': torch.ones(1)}),
            r'1 of \d+ weights have no place .* such as extra\.weight',
        ),
        (
            lambda w: w.pop('transformer.decoder.norm.bias'),
            r'head\.decoder\.post_norm\.bias is not in the checkpoint',
        ),
        (lambda w: w.pop('input_proj.bias'), r'input_proj\.bias is not in'),
        (
            lambda w: w.update({'class_embed.weight': torch.ones(92, 16)}),
            'these weights have 92',
        ),
        (
            lambda w: w.update({'kpt_embed.layers.2.bias': torch.ones(17)}),
            r'pose_embed\.layers\.2\.bias is \(17,\) in the checkpoint',
        ),
    ],
)
def test_every_weight_has_a_place(release, tmp_path, change, said):
    weights = dict(release)
    change(weights)
    torch.save(dict(model=weights), tmp_path / 'wrong.pth')
    with pytest.raises(UserError, match=said):
        convert('poet', str(tmp_path / 'wrong.pth'), small_cfg())


def test_one_class_has_no_place_in_the_release(tmp_path):
    model = MODELS.build(small_cfg('poet_r50_coco').model)
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'ours.pth')
    with pytest.raises(UserError, match='these weights have 2'):
        release_of(str(tmp_path / 'ours.pth'))


@pytest.mark.parametrize(
    ('config', 'dc5'),
    [('poet_r50_coco', False), ('poet_dc5_r50_512_coco', True)],
)
def test_detr(detr_file, config, dc5):
    """Everything of DETR but its outputs: the same trunk, whose states feed
    outputs that have the release's names here."""
    path, weights = detr_file
    conversion = convert('detr', path, small_cfg(config))
    assert conversion.dropped == [
        'class_embed (2 weights)',
        'bbox_embed (6 weights)',
        '75 of 100 queries',
    ]
    ours = conversion.checkpoint['state_dict']
    blocks = {
        '.'.join(name.split('.')[:2])
        for name in ours
        if name.startswith('head.')
    }
    assert blocks == {
        'head.input_proj',
        'head.encoder',
        'head.decoder',
        'head.query_embedding',
    }
    state = conversion.model.state_dict()
    missing = {
        name for name in set(state) - set(ours) if 'num_batches' not in name
    }
    assert missing == {
        name for name in state if name.startswith(('head.class', 'head.pose'))
    }
    assert torch.equal(
        ours['head.query_embedding.weight'], weights['query_embed.weight'][:25]
    )
    assert conversion.model.backbone.layer4[0].conv2.stride == (
        (1, 1) if dc5 else (2, 2)
    )


def test_detr_for_the_fast_poet(detr_file):
    """It has no learned queries; those of DETR are dropped."""
    conversion = convert(
        'detr', detr_file[0], small_cfg('poet_fast_r50_512_coco')
    )
    assert not any(
        'query' in name for name in conversion.checkpoint['state_dict']
    )
    assert conversion.dropped[-1] == '100 of 100 queries'


def test_detr_mistakes(detr_file):
    cfg = small_cfg('poet_r50_coco', **{'model.head.num_queries': 101})
    with pytest.raises(UserError, match=r'has 101 queries.* checkpoint 100'):
        convert('detr', detr_file[0], cfg)
    with pytest.raises(
        UserError,
        match=r'backbone\.layer3\.6\.conv1\.weight '
        r'is not in the checkpoint',
    ):
        convert('detr', detr_file[0], small_cfg('poet_r101_coco'))


@pytest.mark.parametrize('prefix', ['', 'backbone.'])
def test_backbones_need_no_conversion(prefix, tmp_path):
    """init_cfg loads those of other programs, as README says."""
    theirs = torchvision.models.resnet18(num_classes=3).eval()
    torch.save(
        {
            'state_dict': {
                f'{prefix}{name}': value
                for name, value in theirs.state_dict().items()
            }
        },
        tmp_path / 'theirs.pth',
    )
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'theirs.pth'))
    if prefix:
        init_cfg['prefix'] = prefix
    else:
        with pytest.raises(UserError, match=r'init_cfg\.checkpoint=FILE'):
            convert(
                'detr',
                str(tmp_path / 'theirs.pth'),
                small_cfg('poet_r50_coco'),
            )
    cfg = small_cfg(
        'poet_r50_512_coco',
        **{
            'model.backbone.depth': 18,
            'model.backbone.stem_channels': 64,
            'model.backbone.base_channels': 64,
            'model.backbone.init_cfg': init_cfg,
            'model.head.in_channels': 512,
        },
    )
    model = MODELS.build(cfg.model)
    model.init_weights()
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        theirs.avgpool, theirs.fc = torch.nn.Identity(), torch.nn.Identity()
        expected = theirs(images).reshape(1, 512, 2, 2)
        (got,) = model.eval().backbone(images)
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize(
    'missing',
    [
        'head.',
        'backbone.',
        'head.query_embedding.',
        'head.encoder.layers.1.norms.0.',
        'head.decoder.post_norm.',
    ],
)
def test_release_is_a_whole_model(conversion, tmp_path, missing):
    weights = {
        name: value
        for name, value in conversion.checkpoint['state_dict'].items()
        if not name.startswith(missing)
    }
    torch.save(dict(state_dict=weights), tmp_path / 'part.pth')
    with pytest.raises(UserError, match=missing + r'\S* is missing: .* whole'):
        release_of(str(tmp_path / 'part.pth'))


def test_dropped_counters_are_named(tmp_path):
    state = MODELS.build(small_cfg().model).state_dict()
    counters = [name for name in state if name.endswith('batches_tracked')]
    torch.save(dict(state_dict=state), tmp_path / 'ours.pth')
    assert release_of(str(tmp_path / 'ours.pth'))[1] == [
        f'num_batches_tracked ({len(counters)} weights)'
    ]


def test_layouts_are_not_mistaken(
    release_file, detr_file, conversion, tmp_path
):
    """The right subcommand is named, or that there is nothing to do."""
    ours = str(tmp_path / 'ours.pth')
    convert_checkpoint.write(conversion.checkpoint, ours)
    detr = detr_file[0]
    with pytest.raises(UserError, match=r'names of the authors.* nothing is'):
        release_of(release_file)
    for wrong, said in (
        (detr, rf'names of DETR.* detr {detr} DST'),
        (ours, 'names of this repo.* needs no conversion'),
    ):
        with pytest.raises(UserError, match=said):
            convert('poet', wrong, small_cfg())
    with pytest.raises(UserError, match=f' poet {release_file} DST'):
        convert('detr', release_file, small_cfg('poet_r50_coco'))


@pytest.mark.parametrize(
    ('name', 'changes', 'said'),
    [
        (
            'poet_r50_release_coco',
            {'model.head.num_classes': 1},
            r'cannot be built \(ValueError: .*num_classes',
        ),
        (
            'poet_r50_release_coco',
            {'model.head.abc': 1},
            r'cannot be built \(TypeError: .*abc',
        ),
        (
            'poet_r50_release_coco',
            {'model.head': None},
            'is a POETHead.* has none',
        ),
        ('ae_r50_s8_512_coco', {}, 'is a POETHead; this one has AEHead'),
    ],
)
def test_configs_that_are_none(release_file, name, changes, said):
    cfg = Config.fromfile(ROOT / 'configs' / f'{name}.py')
    cfg.merge_from_dict(changes)
    with pytest.raises(UserError, match=said):
        convert('poet', release_file, cfg)
