"""Object keypoint similarity in NumPy: numbers by hand, COCO's own code."""

import contextlib
import io

import numpy as np
import pytest
from helpers import make_people
from hypothesis import given, settings
from hypothesis import strategies as st

from poet_mm.evaluation.oks import labelled_people, match_people, oks_matrix

K = 5
SIGMAS = np.array([0.05, 0.05, 0.1, 0.1, 0.1])


def test_oks_by_hand():
    """One of two labelled joints is off by one deviation, sqrt(area) x 2
    sigma; the unlabelled ones do not count."""
    people = make_people((0, 0), visibility=[2, 0, 0, 1, 0])
    pose = people.keypoints.copy()
    pose[0, 3, 0] += 60 * 2 * 0.1
    pose[0, [1, 2, 4]] += 1000
    oks = oks_matrix(pose, people, SIGMAS)
    assert oks == pytest.approx(np.array([[(1 + np.exp(-0.5)) / 2]]))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_oks_is_that_of_coco(seed):
    """Against pycocotools, 17 joints."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    rng = np.random.default_rng(seed)
    N, Q = rng.integers(1, 4), rng.integers(1, 5)
    triplets = np.concatenate(
        [rng.uniform(0, 100, (N, 17, 2)), rng.integers(0, 3, (N, 17, 1))], 2
    )
    triplets[:, 0, 2] = 2
    annotations = [
        dict(
            id=n + 1,
            image_id=1,
            category_id=1,
            iscrowd=0,
            bbox=[0, 0, 100, 100],
            area=float(rng.uniform(10, 9000)),
            num_keypoints=int((person[:, 2] > 0).sum()),
            keypoints=person.ravel().tolist(),
        )
        for n, person in enumerate(triplets)
    ]
    found = np.concatenate(
        [
            triplets[rng.integers(0, N, Q), :, :2]
            + rng.normal(0, 10, (Q, 17, 2)),
            np.ones((Q, 17, 1)),
        ],
        2,
    )
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = dict(
            images=[dict(id=1)],
            categories=[dict(id=1, name='person')],
            annotations=annotations,
        )
        coco.createIndex()
        results = coco.loadRes(
            [
                dict(
                    image_id=1,
                    category_id=1,
                    score=1 - 0.1 * q,
                    keypoints=pose.ravel().tolist(),
                )
                for q, pose in enumerate(found)
            ]
        )
        evaluation = COCOeval(coco, results, 'keypoints')
        evaluation._prepare()
        expected = evaluation.computeOks(1, 1)  # detections by score
    people = labelled_people(annotations, 17)
    got = oks_matrix(found[..., :2], people, evaluation.params.kpt_oks_sigmas)
    np.testing.assert_allclose(got, expected, atol=1e-9)


def test_who_is_labelled():
    """No crowds, no person without keypoints, whatever num_keypoints says."""
    ann = dict(
        id=7,
        bbox=[0, 0, 10, 10],
        keypoints=[1, 2, 1] + [0] * 12,
        num_keypoints=1,
    )
    people = labelled_people(
        [ann, dict(ann, id=8, iscrowd=1), dict(ann, id=9, keypoints=[0] * 15)],
        K,
    )
    assert people.ids.tolist() == [7]
    assert people.area == pytest.approx([53])
    empty = labelled_people([], K)
    assert empty.keypoints.shape == (0, K, 2)
    assert oks_matrix(np.zeros((3, K, 2)), empty, SIGMAS).shape == (3, 0)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_matching_is_one_to_one_and_best(seed):
    rng = np.random.default_rng(seed)
    oks = rng.random(rng.integers(0, 6, 2))
    match = match_people(oks)
    for side in (match.queries, match.people):
        assert len(set(side)) == len(side) <= min(oks.shape)
    assert (match.oks >= 0.1).all()
    assert match.oks.tolist() == oks[match.queries, match.people].tolist()
    kept = np.where(oks >= 0.1, oks, 0)
    greedy = 0
    for _ in range(min(oks.shape)):
        q, n = np.unravel_index(kept.argmax(), kept.shape)
        greedy += kept[q, n]
        kept[q], kept[:, n] = 0, 0
    assert match.oks.sum() >= greedy - 1e-9
