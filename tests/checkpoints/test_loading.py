"""Weights that are loaded fit the model; what differs is named."""

import copy

import pytest
import torch
from helpers import ROOT, toy_model
from mmengine.config import Config
from mmpose.registry import MODELS

from poet_mm.checkpoints.loading import check_weights, starting_weights
from poet_mm.errors import UserError

LOADERS = pytest.mark.parametrize('load', [check_weights, starting_weights])


@pytest.fixture(scope='module')
def toy():
    return toy_model()


@pytest.mark.parametrize(
    ('changes', 'name', 'found', 'expected'),
    [
        (
            {'head.decoder.num_layers': 2},
            'head.decoder.layers.2.self_attn.in_proj.weight',
            '(384, 128)',
            'not',
        ),
        (
            {'head.decoder.num_layers': 4},
            'head.decoder.layers.3.self_attn.in_proj.weight',
            'not',
            '(384, 128)',
        ),
        (
            {'backbone.stem_channels': 16},
            'backbone.conv1.weight',
            '(32, 3, 7, 7)',
            '(16, 3, 7, 7)',
        ),
    ],
)
def test_first_block_that_differs(toy, changes, name, found, expected):
    """By tests, and by trainings that start from the weights."""
    model = toy_model(**changes)
    for load in (check_weights, starting_weights):
        with pytest.raises(UserError) as error:
            load(model, toy.state_dict(), 'toy.pth')
        for part in ('toy.pth', name, found, expected):
            assert part in str(error.value)
        assert len(str(error.value)) < 600  # no wall of names


@LOADERS
def test_more_weights_than_the_model_has(toy, load):
    """All weights of ResNet-18 are in ResNet-34: a training from it would
    start from a part of it, a test would test another network."""
    deeper = toy_model(**{'backbone.depth': 34}).state_dict()
    assert toy.state_dict().keys() < deeper.keys()
    with pytest.raises(UserError, match=r'backbone\.layer1\.2'):
        load(toy, deeper, 'r34.pth')


@pytest.mark.parametrize(
    ('changes', 'shape'),
    [
        ({'head.num_queries': 12}, r'query_embedding\.weight is \(10, 128\)'),
        ({'head.num_keypoints': 5}, r'pose_embed\S+ is \(53, 128\)'),
    ],
)
def test_outputs_that_differ(toy, changes, shape):
    """A test names them; a training keeps that part as it is and says so."""
    model = toy_model(**changes)
    with pytest.raises(UserError, match=shape):
        check_weights(model, toy.state_dict(), 'toy.pth')
    own = copy.deepcopy(model.state_dict())
    values, (_,) = starting_weights(model, toy.state_dict(), 'toy.pth')
    assert set(values) == set(own)
    for name, value in toy.state_dict().items():
        source = value if value.shape == own[name].shape else own[name]
        assert torch.equal(values[name], source)


def test_same_weights_are_taken_without_a_word(toy):
    weights = toy.state_dict()
    prefixed = {f'module.{name}': value for name, value in weights.items()}
    values, notes = starting_weights(toy_model(), prefixed, 'ddp.pth')
    assert notes == []
    assert all(torch.equal(values[name], weights[name]) for name in weights)


def test_weights_that_the_model_lacks_are_a_warning(toy, monkeypatch):
    """For example, with the config of a model without refinement."""
    lines = []
    monkeypatch.setattr(
        'poet_mm.checkpoints.loading.print_log',
        lambda line, **_: lines.append(line),
    )
    check_weights(toy, toy.state_dict(), 'toy.pth')
    assert lines == []
    extra = {'head.extra.bias': torch.ones(1)}
    check_weights(toy, {**toy.state_dict(), **extra}, 'toy.pth')
    assert 'head.extra' in lines[0]


def test_start_from_a_backbone_of_associative_embedding(toy):
    """As study 2 of the paper does; one line for each part of the head."""
    cfg = Config.fromfile(ROOT / 'configs' / 'ae_r18_s16_toy.py')
    poet = Config.fromfile(ROOT / 'configs' / 'poet_r18_toy.py')
    cfg.model.backbone = poet.model.backbone
    cfg.model.head.in_channels = 128
    theirs = MODELS.build(cfg.model).state_dict()
    values, notes = starting_weights(toy, theirs, 'ae.pth')
    assert all(
        torch.equal(values[name], value)
        for name, value in theirs.items()
        if 'backbone' in name
    )
    notes = '\n'.join(notes)
    assert 'head.encoder ' in notes
    assert 'head.final_layer ' in notes
    assert 'backbone' not in notes


def test_fast_poet_starts_from_the_papers_one(toy):
    fast = toy_model(**{'head.propose': True, 'head.refine': True})
    values, notes = starting_weights(fast, toy.state_dict(), 'toy.pth')
    name = 'head.decoder.layers.2.norms.0.bias'
    assert torch.equal(values[name], toy.state_dict()[name])
    assert any('head.query_embedding ' in note for note in notes)
    assert any('head.proposals ' in note for note in notes)


@pytest.mark.parametrize(
    ('name', 'layout'),
    [
        ('kpt_embed.layers.0.bias', 'poet'),
        ('transformer.encoder.norm.bias', 'detr'),
    ],
)
@LOADERS
def test_weights_of_another_program(toy, load, name, layout):
    weights = {key: torch.ones(1) for key in (name, 'input_proj.bias')}
    for content in (weights, dict(model=weights)):
        with pytest.raises(
            UserError, match=rf'checkpoint\.py {layout} x\.pth'
        ):
            load(toy, content, 'x.pth')


@LOADERS
def test_weights_of_nothing_known(toy, load):
    with pytest.raises(UserError, match=r': a, b\).*init_cfg\.checkpoint'):
        load(toy, dict(a=torch.ones(1), b=torch.ones(2)), 'x.pth')


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
@LOADERS
def test_weights_of_a_training_that_failed(toy, load, value):
    weights = {name: x.clone() for name, x in toy.state_dict().items()}
    weights['head.input_proj.weight'][0] = value
    with pytest.raises(UserError, match=r'NaN.*1 of \d+ .*input_proj'):
        load(toy, weights, 'x.pth')
