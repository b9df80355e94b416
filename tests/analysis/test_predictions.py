"""Causes and OKS of predictions that are known by hand."""

import numpy as np
import pytest
from known_predictions import read_rows, run


def test_predictions_by_hand(world):
    """Squared distance 80, two variances of 0.2^2 x 1024 are 81.92."""
    oks = np.exp(-80 / 81.92)
    found = run(world, 'predictions')
    assert [found[key] for key in ('images', 'labelled_people')] == [3, 2]
    assert found['found'] == 2
    assert found['mean_oks'] == pytest.approx((1 + oks) / 2, abs=1e-5)
    assert found['predictions_of_nobody'] == 1
    assert '1 false positives' in found['caption']
    assert [image['image_id'] for image in found['best']] == [1, 2]
    assert [image['image_id'] for image in found['worst']] == [2, 1]
    rows = read_rows(world, 'predictions')
    assert [row['cause'] for row in rows] == ['good', 'jitter']
    assert [float(row['score']) for row in rows] == pytest.approx([0.8] * 2)
    assert [row['labelled_joints'] for row in rows] == ['5', '4']
    for part in ('config.py', 'a.pth', 'test split', '3 images'):
        assert part in found['caption']
