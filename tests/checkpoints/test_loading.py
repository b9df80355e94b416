"""Weights that are loaded fit the model; what differs is named."""

import copy
import re

import pytest
import torch
from helpers import ROOT, toy_model
from mmengine.config import Config
from mmpose.registry import MODELS

from poet_mm.checkpoints.loading import (
    fit_weights,
    read_weights,
    starting_weights,
)
from poet_mm.errors import UserError


@pytest.fixture(scope='module')
def toy():
    return toy_model()


@pytest.mark.parametrize(
    ('changes', 'said'),
    [
        (
            {'head.decoder.num_layers': 2},
            'head.decoder.layers.2.self_attn.in_proj.weight is (384, 128) in the '
            'checkpoint, not in the model',
        ),
        (
            {'head.decoder.num_layers': 4},
            'head.decoder.layers.3.self_attn.in_proj.weight is not in the '
            'checkpoint, (384, 128) in the model',
        ),
        (
            {'backbone.depth': 34},
            'backbone.layer1.2.conv1.weight is not in the checkpoint, '
            '(32, 32, 3, 3) in the model',
        ),
        (
            {'backbone.stem_channels': 16},
            'backbone.conv1.weight is (32, 3, 7, 7) in the checkpoint, '
            '(16, 3, 7, 7) in the model',
        ),
        (
            {'head.encoder.layer_cfg.ffn_cfg.feedforward_channels': 64},
            'head.encoder.layers.0.ffn.layers.0.0.weight is (512, 128) in the '
            'checkpoint, (64, 128) in the model',
        ),
    ],
)
def test_first_block_that_differs(toy, changes, said):
    """By tests, and by trainings that start from the weights."""
    model = toy_model(**changes)
    for load in (fit_weights, starting_weights):
        with pytest.raises(UserError) as error:
            load(model, toy.state_dict(), 'toy.pth')
        assert str(error.value).startswith(
            f'toy.pth does not fit the config: {said}.'
        )
        assert len(str(error.value)) < 600  # no wall of names


def test_more_weights_than_the_model_has(toy):
    """All weights of ResNet-18 are in ResNet-34: a training from it would
    start from a part of it, a test would test another network."""
    deeper = toy_model(**{'backbone.depth': 34}).state_dict()
    assert all(
        deeper[name].shape == value.shape
        for name, value in toy.state_dict().items()
    )
    for load in (fit_weights, starting_weights):
        with pytest.raises(UserError, match=r'backbone\.layer1\.2'):
            load(toy, deeper, 'r34.pth')


@pytest.mark.parametrize(
    ('changes', 'setting'),
    [
        ({'head.num_queries': 12}, 'model.head.num_queries=10'),
        ({'head.num_keypoints': 5}, 'model.head.num_keypoints=17'),
    ],
)
def test_one_setting_that_differs(toy, changes, setting):
    """A test says which; a training keeps that part as it is and says so."""
    model = toy_model(**changes)
    with pytest.raises(UserError, match=re.escape(f'Set {setting}.')):
        fit_weights(model, toy.state_dict(), 'toy.pth')
    own = copy.deepcopy(model.state_dict())
    values, notes = starting_weights(model, toy.state_dict(), 'toy.pth')
    assert len(notes) == 1
    assert 'keeps its initial weights' in notes[0]
    assert set(values) == set(own)
    for name, value in toy.state_dict().items():
        source = value if value.shape == own[name].shape else own[name]
        assert torch.equal(values[name], source)


def test_same_weights_are_taken_without_a_word(toy):
    prefixed = {
        f'module.{name}': value for name, value in toy.state_dict().items()
    }
    values, notes = starting_weights(toy_model(), prefixed, 'ddp.pth')
    assert notes == []
    assert all(
        torch.equal(values[name], value)
        for name, value in toy.state_dict().items()
    )


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
    said = '\n'.join(notes)
    assert 'head.encoder keeps its initial weights (all)' in said
    assert 'head.final_layer is not used' in said
    assert 'backbone' not in said


def test_fast_poet_starts_from_the_faithful_one(toy):
    fast = toy_model(**{'head.propose': True, 'head.refine': True})
    values, notes = starting_weights(fast, toy.state_dict(), 'toy.pth')
    assert torch.equal(
        values['head.decoder.layers.2.norms.0.bias'],
        toy.state_dict()['head.decoder.layers.2.norms.0.bias'],
    )
    assert any('head.query_embedding is not used' in note for note in notes)
    assert any('head.proposals keeps its initial' in note for note in notes)


@pytest.mark.parametrize(
    ('name', 'layout'),
    [
        ('kpt_embed.layers.0.bias', 'poet'),
        ('transformer.encoder.layers.0.norm1.bias', 'detr'),
    ],
)
def test_weights_of_another_program(toy, name, layout):
    weights = {key: torch.ones(1) for key in (name, 'input_proj.bias')}
    for load in (fit_weights, starting_weights):
        for checkpoint in (weights, dict(model=weights)):
            with pytest.raises(
                UserError,
                match='convert it with python '
                f'tools/convert_checkpoint.py {layout} ',
            ):
                load(toy, checkpoint, 'theirs.pth')


def test_weights_of_torchvision(toy):
    weights = {
        key: torch.ones(1)
        for key in (
            'conv1.weight',
            'layer1.0.conv1.weight',
            'layer4.0.conv1.weight',
        )
    }
    for load in (fit_weights, starting_weights):
        with pytest.raises(UserError, match=r'init_cfg\.checkpoint=FILE'):
            load(toy, weights, 'theirs.pth')


def test_weights_of_nothing_known(toy):
    with pytest.raises(UserError, match=r'no weight of the model .*: a, b\)'):
        starting_weights(toy, dict(a=torch.ones(1), b=torch.ones(2)), 'x.pth')


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_weights_of_a_training_that_failed(toy, value):
    weights = {name: x.clone() for name, x in toy.state_dict().items()}
    weights['head.input_proj.weight'][0] = value
    for load in (fit_weights, starting_weights):
        with pytest.raises(UserError, match=r'NaN.*1 of \d+ .*input_proj'):
            load(toy, weights, 'x.pth')


def test_broken_files(tmp_path):
    whole = tmp_path / 'whole.pth'
    torch.save(dict(a=torch.ones(1000)), whole)
    path = tmp_path / 'broken.pth'
    for data in (b'', b'text', whole.read_bytes()[:-500]):
        path.write_bytes(data)
        with pytest.raises(UserError, match=r'annot (be )?read'):
            read_weights(str(path))
    torch.save([1, 2], path)
    with pytest.raises(UserError, match='it holds a list'):
        read_weights(str(path))
    torch.save(dict(epoch=3), path)
    with pytest.raises(UserError, match='holds no weights, only epoch'):
        read_weights(str(path))
