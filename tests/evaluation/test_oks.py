"""Formulas behind the figures: numbers by hand, properties, references."""
import contextlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poet_mm.analysis.attention import (
    cell_of,
    cells_of_image,
    choose_points,
    farthest_points,
)
from poet_mm.analysis.causes import name_causes
from poet_mm.analysis.centers import (
    quadrant_shares,
    relative_errors,
    true_centers,
)
from poet_mm.analysis.visibility import (
    area_under,
    average_precision,
    occlusion_detector,
    roc_curve,
    thin,
)
from poet_mm.evaluation.oks import (
    People,
    labelled_people,
    match_people,
    oks_matrix,
)
from poet_mm.utils.logs import series
from poet_mm.visualization.style import COLORS, METHOD_COLORS, line_colors

K = 5
SIGMAS = np.array([0.05, 0.05, 0.1, 0.1, 0.1])
FLIP = [1, 0, 2, 4, 3]
BODY = np.array([[0., 0], [40, 0], [20, 40], [0, 80], [40, 80]])


def make_people(*corners, area=3600., visibility=2):
    """People of the same pose at corners (x, y)."""
    N = len(corners)
    keypoints = BODY + np.reshape(corners, (N, 1, 2))
    box = np.concatenate([np.reshape(corners, (N, 2)), [[40, 80]] * N], 1)
    return People(
        ids=np.arange(N),
        keypoints=keypoints,
        visibility=np.broadcast_to(visibility, (N, K)).astype(float),
        bbox=box,
        area=np.full(N, area))


def causes_of(keypoints, people):
    keypoints = np.reshape(keypoints, (-1, K, 2))
    match = match_people(oks_matrix(keypoints, people, SIGMAS))
    return name_causes(keypoints, people, match, SIGMAS, FLIP)


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
    triplets = np.concatenate([
        rng.uniform(0, 100, (N, 17, 2)),
        rng.integers(0, 3, (N, 17, 1))
    ], 2)
    triplets[:, 0, 2] = 2
    annotations = [
        dict(id=n + 1, image_id=1, category_id=1, iscrowd=0,
             bbox=[0, 0, 100, 100], area=float(rng.uniform(10, 9000)),
             num_keypoints=int((person[:, 2] > 0).sum()),
             keypoints=person.ravel().tolist())
        for n, person in enumerate(triplets)
    ]
    found = np.concatenate(
        [triplets[rng.integers(0, N, Q), :, :2] + rng.normal(
            0, 10, (Q, 17, 2)), np.ones((Q, 17, 1))], 2)
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = dict(
            images=[dict(id=1)], categories=[dict(id=1, name='person')],
            annotations=annotations)
        coco.createIndex()
        results = coco.loadRes([
            dict(image_id=1, category_id=1, score=1 - 0.1 * q,
                 keypoints=pose.ravel().tolist())
            for q, pose in enumerate(found)
        ])
        evaluation = COCOeval(coco, results, 'keypoints')
        evaluation._prepare()
        expected = evaluation.computeOks(1, 1)  # detections by score
    people = labelled_people(annotations, 17)
    got = oks_matrix(found[..., :2], people,
                     evaluation.params.kpt_oks_sigmas)
    np.testing.assert_allclose(got, expected, atol=1e-9)


def test_who_is_labelled():
    """No crowds, nobody without joints, whatever num_keypoints says."""
    ann = dict(id=7, bbox=[0, 0, 10, 10], keypoints=[1, 2, 1] + [0] * 12,
               num_keypoints=1)
    people = labelled_people([
        ann, dict(ann, id=8, iscrowd=1), dict(ann, id=9, keypoints=[0] * 15)
    ], K)
    assert people.ids.tolist() == [7]
    assert people.area == pytest.approx([53])
    nobody = labelled_people([], K)
    assert nobody.keypoints.shape == (0, K, 2)
    assert oks_matrix(np.zeros((3, K, 2)), nobody, SIGMAS).shape == (3, 0)


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


def test_good():
    people = make_people((0, 0), (200, 0))
    assert causes_of(people.keypoints + 1, people) == ['good', 'good']


def test_missed():
    people = make_people((0, 0), (200, 0))
    assert causes_of(people.keypoints[:1], people) == ['good', 'missed']
    assert causes_of([], people) == ['missed', 'missed']


def test_merged_into_another():
    """Two people at almost the same place, and one prediction."""
    people = make_people((0, 0), (4, 0))
    assert causes_of(people.keypoints[:1], people) == ['good', 'merged']


def test_merged_with_another():
    """Three joints of one, two of another who has no prediction."""
    people = make_people((0, 0), (200, 0))
    pose = people.keypoints[0].copy()
    pose[3:] = people.keypoints[1, 3:]
    assert causes_of(pose, people)[0] == 'merged'


def test_swap_with_another():
    """The same, but the other has a prediction, with the joints swapped."""
    people = make_people((0, 0), (200, 0))
    poses = people.keypoints.copy()
    poses[:, 3:] = people.keypoints[::-1, 3:]
    assert causes_of(poses, people) == ['swap', 'swap']


def test_swap_of_left_and_right():
    people = make_people((0, 0))
    assert causes_of(people.keypoints[:, FLIP], people) == ['swap']
    unlabelled = make_people((0, 0), visibility=[2, 2, 2, 2, 0])
    pose = people.keypoints.copy()
    pose[0, 3] = pose[0, 4]  # on its mirror image, of which nobody knows
    assert causes_of(pose, unlabelled) == ['jitter']


def test_jitter():
    people = make_people((0, 0))
    assert causes_of(people.keypoints + 6, people) == ['jitter']
    pose = people.keypoints.copy()
    pose[0, 4] += 1000
    assert causes_of(pose, people) == ['jitter']


def test_small():
    """In place of missed and jitter, not of what has a better name."""
    people = make_people((0, 0), area=1023.)
    assert causes_of([], people) == ['small']
    assert causes_of(people.keypoints + 4, people) == ['small']
    assert causes_of(people.keypoints, people) == ['good']
    assert causes_of(people.keypoints[:, FLIP], people) == ['swap']
    assert causes_of([], make_people((0, 0), area=1024.)) == ['missed']


def test_costliest_cause_wins():
    """One joint swapped costs more than four that jitter a little."""
    people = make_people((0, 0))
    pose = people.keypoints + 4  # similarity .78 and .95
    pose[0, 0] = people.keypoints[0, 1]
    assert causes_of(pose, people) == ['swap']


def test_centers_by_hand():
    keypoints = np.array([[[0., 0], [10, 20], [90, 90]]] * 2)
    visibility = np.array([[2, 2, 1], [1, 1, 0]])
    true = true_centers(keypoints, visibility, 2)
    np.testing.assert_allclose(true, [[5, 10], [np.nan] * 2])
    assert true_centers(keypoints, visibility, 1)[1].tolist() == [5, 10]
    bbox = np.array([[0, 0, 30, 40], [0, 0, 30, 40]])
    errors = relative_errors(np.array([[10., 5], [0, 0]]), true, bbox)
    np.testing.assert_allclose(errors, [[0.1, -0.1], [np.nan] * 2])
    no_box = np.zeros((2, 4))
    assert np.isnan(relative_errors(true, true, no_box)).all()


def test_quadrants():
    errors = np.array([[-1, -1], [1, -1], [1, -2], [-1, 1], [0, 0]])
    assert quadrant_shares(errors) == {
        'upper left': 0.2,
        'upper right': 0.4,
        'lower left': 0.2,
        'lower right': 0.2
    }
    assert quadrant_shares(np.zeros((0, 2))) is None


def test_roc_and_ap_by_hand():
    """Thresholds .9, .8 (a hit and a miss, tied), .1."""
    scores = np.array([0.8, 0.9, 0.1, 0.8])
    positive = np.array([True, True, False, False])
    false, true = roc_curve(scores, positive)
    assert false.tolist() == [0, 0, 0.5, 1]
    assert true.tolist() == [0, 0.5, 1, 1]
    assert area_under(false, true) == pytest.approx(0.875)
    # precision 1 for the first half of recall, 2 / 3 for the second
    assert average_precision(scores, positive) == pytest.approx(5 / 6)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([0., 0.2, 0.5, 1.]), st.booleans()),
        min_size=2))
def test_auc_is_a_probability(pairs):
    """That a positive scores higher than a negative; ties count half."""
    scores, positive = map(np.array, zip(*pairs))
    if positive.all() or not positive.any():
        return
    wins = np.sign(scores[positive][:, None] - scores[~positive])
    auc = area_under(*roc_curve(scores, positive))
    assert auc == pytest.approx((wins.mean() + 1) / 2)
    assert 0 < average_precision(scores, positive) <= 1


def test_occlusion_detector():
    visibility = np.array([0.1, 0.9, 0.8, 0.5])
    detector = occlusion_detector(visibility, np.array([1, 2, 2, 0]))
    assert (detector['auc'], detector['ap']) == (1, 1)
    assert detector['occluded_share'] == pytest.approx(1 / 3)
    for classes in ([2, 2, 2, 0], [1, 1, 1, 0], [0, 0, 0, 0]):
        assert occlusion_detector(visibility, np.array(classes)) is None
    assert occlusion_detector(np.zeros(0), np.zeros(0)) is None


def test_thinned_curves_keep_both_ends():
    values = thin(np.linspace(0, 1, 1001), 11)
    assert len(values) == 11
    assert values[[0, -1]].tolist() == [0, 1]
    assert thin(np.array([0., 1])).tolist() == [0, 1]


def test_cells_of_points():
    """A map of 3 x 4 cells of 10 x 20 pixels that begins at (5, 0)."""
    points = np.array([[5., 0], [14.9, 19.9], [15, 20], [44, 59], [99, -9]])
    cells = cell_of(points, np.array([5, 0]), np.array([10, 20]), (3, 4))
    assert cells.tolist() == [0, 0, 5, 11, 3]


def test_padded_cells_are_cut_off():
    import torch
    padding = torch.zeros(1, 3, 4, dtype=torch.bool)
    padding[:, 2] = True
    padding[:, :, 3] = True
    assert cells_of_image(padding, (3, 4)) == (2, 3)
    assert cells_of_image(None, (3, 4)) == (3, 4)


def test_points_lie_far_apart_and_inside():
    line = np.array([[0., 0], [1, 0], [9, 0], [5, 0]])
    assert farthest_points(line, 3, 0.5).tolist() == [0, 2, 3]
    assert len(farthest_points(line, 9, 0.5)) == 4
    assert len(farthest_points(line, 9, 2.0)) == 3
    pose = np.array([[[-5., 5], [5, 5], [6, 5], [50, 5]]])
    assert choose_points(pose, (10, 10), 3).tolist() == [[5, 5]]
    pose[0, 2] = 8, 5
    assert choose_points(pose, (10, 10), 3).tolist() == [[5, 5], [8, 5]]
    grid = choose_points(np.zeros((0, K, 2)), (8, 4), 2)
    assert grid.tolist() == [[2, 1], [6, 3]]


def test_series_averages_epochs():
    records = [
        dict(loss=4, epoch=1, step=1),
        dict(loss=2, epoch=1, step=2),
        dict(loss=1, epoch=2, step=3), {
            'coco/AP': 0.5,
            'step': 2
        }
    ]
    assert series(records, 'loss') == ([1, 2], [3, 1])
    assert series(records, 'coco/AP') == ([2], [0.5])
    assert series(records, 'val/loss') == ([], [])


def test_a_method_has_its_color():
    """And no two lines the same, as long as there are colours."""
    blue, orange = METHOD_COLORS['POET'], METHOD_COLORS['AE']
    assert line_colors(['AE', 'POET']) == [orange, blue]
    colors = line_colors(['POET', 'POET', 'AE', 'mine', 'POET'])
    assert colors[0] == blue
    assert colors[2] == orange
    assert len(set(colors)) == 5
    second = line_colors(['POET', 'POET'])[1]
    assert second not in METHOD_COLORS.values()
    assert set(line_colors(['POET'] * 9)) == set(COLORS)
