"""Dropout of cells, against a slow reference."""

import numpy as np
import pytest
from drawn_transforms import H, W, many, seeds
from hypothesis import given
from hypothesis import strategies as st

from poet_mm.datasets.transforms import dropout as dropout_module
from poet_mm.datasets.transforms.dropout import CoarseDropout, drop_cells


@pytest.mark.parametrize('shape', [(H, W, 3), (H, W), (H, W, 1), (1, 1, 3)])
@pytest.mark.parametrize('per_channel', [0.0, 1.0])
def test_dropout_only_drops(monkeypatch, shape, per_channel):
    monkeypatch.setattr(dropout_module, 'PER_CHANNEL', per_channel)
    image = np.full(shape, 7, np.uint8)
    dropout = CoarseDropout(prob=1.0)
    shares = []
    for seed in range(30):
        np.random.seed(seed)
        out = dropout({'img': image})['img']
        assert out.dtype == np.uint8
        assert out.shape == shape
        assert np.isin(out, (0, 7)).all()
        if per_channel == 0:
            assert np.ptp(out.reshape(*shape[:2], -1), axis=2).max() == 0
        shares.append((out == 0).mean())
    assert (image == 7).all()
    if shape[0] > 1:
        assert 0.08 < np.mean(shares) < 0.17  # (0.05 + 0.2) / 2


def test_dropout_drops_cells(monkeypatch):
    monkeypatch.setattr(dropout_module, 'SIZE', (0.05, 0.05))
    assert CoarseDropout().draw((100, 200, 3)).shape == (5, 10, 3)
    assert CoarseDropout().draw((10, 200, 3)).shape[0] == 3
    image = np.ones((100, 200, 3), np.uint8)
    assert CoarseDropout(prob=0.0)({'img': image})['img'] is image


@many
@given(
    seeds,
    st.sampled_from([(60, 40, 3), (7, 90, 3), (5, 7), (6, 4, 1)]),
    st.integers(1, 12),
    st.integers(1, 12),
)
def test_dropped_cells_as_the_slow_reference(seed, shape, rows, columns):
    rng = np.random.default_rng(seed)
    image = rng.integers(1, 256, shape, np.uint8)
    keep = rng.random((rows, columns, (*shape, 1)[2])) > 0.3
    out = drop_cells(image, keep).reshape(*shape[:2], -1)
    for y, x in np.ndindex(shape[:2]):
        cell = keep[y * rows // shape[0], x * columns // shape[1]]
        assert (out[y, x] == image[y, x] * cell).all()
