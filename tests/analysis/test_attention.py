"""Attention maps against all weights, and the choice of points."""

import numpy as np
import pytest
import torch
from known_predictions import run, session_of

from poet_mm.analysis.attention import (
    attention_maps,
    choose_points,
    record_rows,
)
from poet_mm.models.layers.attention import record_weights
from poet_mm.models.layers.tokens import TokenPyramid


@pytest.mark.slow
def test_attention(world):
    found = run(world, 'attention', '--people', 1)
    encoder, decoder = np.array(found['encoder']), np.array(found['decoder'])
    rows, columns = encoder.shape[2:]
    assert encoder.shape[:2] == (2, 3)  # layers, points
    assert decoder.shape == (3, 1, rows, columns)
    np.testing.assert_allclose(encoder.sum((2, 3)), 1, atol=1e-4)
    np.testing.assert_allclose(decoder.sum((2, 3)), 1, atol=1e-4)
    assert found['image'] in ('000000000001.png', '000000000002.png')


@pytest.mark.slow
def test_attention_of_a_file_and_of_an_id(world):
    path = world / 'val2017' / '000000000001.png'
    by_file = run(world, 'attention', '--image', path, '--points', '10,20')
    by_id = run(world, 'attention', '--image', 1, '--points', '10,20')
    assert by_file['points'] == [[10, 20]]
    assert by_file['encoder'] == by_id['encoder']
    # 85 x 127 pixels for the network, 6 x 8 cells of 16 pixels
    assert np.shape(by_id['encoder'])[2:] == (8, 6)
    assert by_id['extent'] == pytest.approx([0, 64, 0, 96])


def test_attention_rows_are_those_of_all_weights(world):
    """And nothing else is kept; padded cells are cut off."""
    from mmengine.dataset import pseudo_collate

    session = session_of(
        world, cfg_options={'model.data_preprocessor.pad_size_divisor': 256}
    )
    model = session.model
    batch = pseudo_collate([session.dataset[0]])
    points = np.array([[1.0, 1], [60, 90]])  # cells 0 and (7, 4)
    maps = attention_maps(model, batch, points, [0])
    assert maps['encoder'].shape == (2, 2, 8, 6)
    assert maps['extent'] == pytest.approx(
        [0, 64 * 96 / 85, 0, 96 * 128 / 127]
    )
    data = model.data_preprocessor(batch, False)
    with torch.no_grad(), record_weights(model) as everything:
        feats = model.extract_feat(data['inputs'])
        model.head.forward(feats, data['data_samples'])
    name = 'encoder.layers.1.self_attn'
    full = everything[f'head.{name}'][0].mean(0)  # (256, 256)
    expected = full[[0, 7 * 16 + 4]].unflatten(-1, (16, 16))
    np.testing.assert_allclose(
        maps['encoder'][1], expected[:, :8, :6], atol=1e-6
    )
    assert expected.sum() == pytest.approx(maps['encoder'][1].sum(), abs=1e-5)
    with torch.no_grad(), record_rows(model.head, [3], [0]) as rows:
        model.head.forward(feats, data['data_samples'])
    model.head.forward(feats, data['data_samples'])  # recorded no more
    assert [len(rows[part]) for part in ('encoder', 'decoder')] == [2, 3]
    assert rows['encoder'][0].shape == (1, 256)


def test_points_lie_far_apart_and_inside():
    line = np.array([[[0.0, 0], [1, 0], [9, 0], [5, 0]]])
    assert choose_points(line, (10, 1), 3)[:, 0].tolist() == [0, 9, 5]
    assert len(choose_points(line, (10, 1), 9)) == 4
    assert len(choose_points(line, (20, 1), 9)) == 3  # 1 is less than .08
    pose = np.array([[[-5.0, 5], [5, 5], [5.5, 5], [50, 5]]])
    assert choose_points(pose, (10, 10), 3).tolist() == [[5, 5]]
    grid = choose_points(np.zeros((0, 5, 2)), (8, 4), 2)
    assert grid.tolist() == [[2, 1], [6, 3]]


def test_attention_of_several_levels(world):
    """The maps are those of the encoded level, with finer tokens beside."""
    from mmengine.dataset import pseudo_collate

    session = session_of(world)
    model = session.model
    batch = pseudo_collate([session.dataset[0]])
    points = np.array([[1.0, 1]])
    before = attention_maps(model, batch, points, [0])
    model.backbone.out_indices = (1, 2)
    model.head.pyramid = TokenPyramid([16], model.head.encoder.embed_dims)
    maps = attention_maps(model, batch, points, [0])
    np.testing.assert_array_equal(maps['encoder'], before['encoder'])
    assert maps['decoder'].shape == before['decoder'].shape
    np.testing.assert_allclose(maps['decoder'].sum((2, 3)), 1, atol=1e-4)
