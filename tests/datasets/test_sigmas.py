"""Sigmas of simulated annotators, whose sigmas are known."""

import json

import numpy as np
import pytest

from poet_mm.datasets import sigmas, skeleton
from poet_mm.datasets.sigmas import (
    compare_annotators,
    estimate_sigma,
    pair_images,
    squared_distances,
    write_sigmas,
)
from poet_mm.datasets.skeleton import FLAT_SIGMA, read_metainfo
from poet_mm.errors import UserError
from poet_mm.evaluation.oks import People

NAMES = ['nose', 'left_ear', 'right_ear']
KNOWN = [0.03, 0.08, 0.11]


@pytest.fixture
def warned(monkeypatch):
    texts = []
    monkeypatch.setattr(sigmas, 'warn', texts.append)
    monkeypatch.setattr(skeleton, 'warn', texts.append)
    return texts


def people_at(keypoints, v=None, area=100.0):
    """People of an area of 100 square pixels."""
    keypoints = np.array(keypoints, float)
    v = np.full(keypoints.shape[:2], 2) if v is None else np.array(v)
    count = len(keypoints)
    return People(
        np.arange(count),
        keypoints,
        v,
        np.zeros((count, 4)),
        np.full(count, area),
    )


def write_annotator(path, seed, people=200, names=NAMES, known=KNOWN, **keys):
    """Write two people for each image, with the noise of one annotator."""
    truth = np.random.default_rng(0).uniform(60, 140, (people, len(names), 2))
    truth[1::2, :, 0] += 200
    area = np.random.default_rng(1).uniform(1000, 9000, people)
    rng = np.random.default_rng(seed)
    # sigma^2 counts both axes
    spread = np.multiply.outer(area**0.5, known) / 2**0.5  # (N, K)
    points = truth + rng.normal(size=truth.shape) * spread[..., None]
    labelled = np.full((people, len(names), 1), 2)
    annotations = [
        dict(
            id=n + 1,
            image_id=n // 2,
            category_id=1,
            iscrowd=0,
            area=area[n],
            bbox=[40, 40, 320, 120],
            keypoints=np.hstack([points[n], labelled[n]]).ravel().tolist(),
        )
        for n in rng.permutation(people).tolist()
    ]
    content = dict(
        images=[
            dict(id=n, file_name=f'{n}.png', width=400, height=200)
            for n in range(people // 2)
        ],
        annotations=annotations,
        categories=[dict(id=1, name='mouse', keypoints=list(names))],
    )
    path.write_text(json.dumps(dict(content, **keys)))
    return str(path)


def test_known_sigmas_are_found(tmp_path, warned):
    """2,000 people: the error is below 3 %, the intervals hold the value."""
    files = [
        write_annotator(tmp_path / f'{seed}.json', seed, 2000)
        for seed in (1, 2)
    ]
    found, metainfo, counts = compare_annotators(*files)
    assert counts == dict(images=1000, people=2000)
    for each, name, sigma in zip(found, NAMES, KNOWN):
        assert (each.keypoint, each.pairs) == (name, 2000)
        assert each.sigma == pytest.approx(sigma, rel=0.03)
        assert each.low < sigma < each.high
        assert each.high - each.low < 0.1 * sigma
    assert metainfo['sigmas'] == [each.sigma for each in found]
    assert not warned


def test_sigma_by_hand():
    """D^2 / s^2 is 0.02 and 0.06: sigma^2 is half of the mean, 0.02."""
    sigma, low, high = estimate_sigma(
        np.array([0.02, 0.06]), np.random.default_rng(0)
    )
    assert sigma == pytest.approx(0.02**0.5, abs=1e-4)
    assert low == pytest.approx(0.01**0.5, abs=1e-4)  # twice the first
    assert high == pytest.approx(0.03**0.5, abs=1e-4)


def test_people_are_paired_in_any_order():
    """Labels of one annotator only, and a person of one, do not count."""
    first = people_at([[[0, 0], [9, 9]], [[50, 0], [59, 9]]])
    second = people_at(
        [[[51, 2], [0, 0]], [[0, 1], [9, 9]], [[900, 0], [9, 9]]],
        [[2, 0], [1, 2], [2, 2]],
    )
    squares = squared_distances(first, second)
    np.testing.assert_allclose(squares, [[0.01, 0], [0.05, np.nan]])
    assert squared_distances(first, people_at(np.zeros((0, 2, 2)))).size == 0
    flat = people_at([[[0, 0]]], area=0.0)
    assert np.isnan(squared_distances(flat, flat)).all()


def test_images_are_paired_by_name_then_id():
    first = {1: dict(file_name='a'), 2: dict(file_name='b')}
    assert pair_images(first, {7: dict(file_name='b')}) == [(2, 7)]
    assert pair_images(first, {1: dict(file_name='c')}) == [(1, 1)]
    assert pair_images(first, {9: dict(file_name='c')}) == []


def test_few_pairs_and_metainfo(tmp_path, warned):
    """One keypoint is exact: its sigma is not 0, but the guess."""
    files = [
        write_annotator(tmp_path / f'{n}.json', n, 20, known=[0, 0.05, 0.1])
        for n in (1, 2)
    ]
    found, metainfo, _ = compare_annotators(*files)
    assert '30 pairs: nose (20), left_ear (20)' in warned[0]
    assert found[0].sigma == 0
    path = tmp_path / 'out' / 'metainfo.py'
    write_sigmas(found, metainfo, str(path), files[0])
    assert 'No sigma for nose' in warned[1]
    assert 'estimated from two annotators' in path.read_text()
    again = read_metainfo(str(path))
    assert again['sigmas'] == [FLAT_SIGMA, found[1].sigma, found[2].sigma]


def test_one_keypoint(tmp_path, warned):
    files = [
        write_annotator(tmp_path / f'{n}.json', n, 400, ['tail'], [0.1])
        for n in (1, 2)
    ]
    (found,), *_ = compare_annotators(*files)
    assert found.sigma == pytest.approx(0.1, rel=0.1)


def test_mistakes_are_named(tmp_path, warned):
    first = write_annotator(tmp_path / 'a.json', 1, 4)
    far = [dict(id=70, file_name='far.png', width=9, height=9)]
    other = tmp_path / 'b.json'

    def fails(match, *args, **keys):
        second = write_annotator(other, 2, 4, *args, **keys)
        with pytest.raises(UserError, match=match):
            compare_annotators(first, second)

    person = dict(
        id=1,
        image_id=70,
        category_id=1,
        bbox=[0, 0, 9, 9],
        keypoints=[1, 1, 2] * 3,
    )
    fails('no image in common', images=far, annotations=[person])
    fails('one skeleton', ['nose', 'left_ear', 'tail'])
    person['image_id'] = 0
    fails('no person in both', annotations=[person])
    with pytest.raises(UserError, match='same coordinates'):
        compare_annotators(first, first)
    content = json.loads((tmp_path / 'a.json').read_text())
    other.write_text(json.dumps(dict(content, categories=[])))
    with pytest.raises(UserError, match='names keypoints'):
        compare_annotators(str(other), str(other))
