"""FastCocoMetric: CocoMetric's ten numbers, whatever is found."""

import importlib
import json
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmpose.evaluation.metrics import CocoMetric
from mmpose.registry import METRICS
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from poet_mm.evaluation import fast_coco_metric as evaluation
from poet_mm.evaluation.fast_coco_metric import FastCocoMetric

K = 5
SIGMAS = np.array([0.02, 0.05, 0.1, 0.03, 0.08])
NAMES = [f'coco/{name}' for name in evaluation.NAMES]
needs_hotcoco = pytest.mark.skipif(
    evaluation.hotcoco is None, reason='hotcoco is not installed'
)


def make_person(keypoints, v=2, **changes):
    """An annotation of (K, 2) keypoints in pixels, v one number or (K,)."""
    v = np.broadcast_to(v, K)
    triplets = np.column_stack([keypoints * (v > 0)[:, None], v])
    low, high = np.min(keypoints, axis=0), np.max(keypoints, axis=0)
    person = dict(
        image_id=1,
        category_id=1,
        keypoints=triplets.ravel().tolist(),
        num_keypoints=int((v > 0).sum()),
        bbox=[*low.tolist(), *(high - low).tolist()],
        area=float(0.6 * np.prod(high - low)),
        iscrowd=0,
    )
    return dict(person, **changes)


def make_sample(img_id, keypoints, scores, keypoint_scores=None, **preds):
    """What the runner gives to ``process`` for N people."""
    N = len(keypoints)
    if keypoint_scores is None:
        keypoint_scores = np.ones((N, K), np.float32)
    preds.update(
        keypoints=np.asarray(keypoints, np.float32).reshape(N, K, 2),
        keypoint_scores=keypoint_scores,
        bbox_scores=np.asarray(scores, np.float32),
    )
    return dict(id=[1], img_id=img_id, gt_instances={}, pred_instances=preds)


def random_world(seed, num_images=4, most_detections=30):
    """People of all kinds, and detections that hit, graze and miss them.

    Scores come from ten values: many are tied. Images are not sorted.
    """
    rng = np.random.default_rng(seed)
    people, samples = [], []
    for img_id in rng.permutation(num_images).tolist():
        N, Q = rng.integers(0, 4), rng.integers(0, most_detections)
        sizes = rng.choice([20, 40, 64, 124, 300], N)
        found = rng.random((N, K, 2)) * sizes[:, None, None]
        for keypoints in found:
            people.append(
                make_person(
                    keypoints,
                    rng.integers(0, 3, K) * rng.choice([0, 1], p=[0.2, 0.8]),
                    image_id=img_id,
                    iscrowd=int(rng.random() < 0.2),
                )
            )
        of = rng.integers(0, N, Q) if N else []
        centers = found[of] if N else rng.random((Q, K, 2)) * 100
        spread = rng.choice([0, 1, 5, 50], (Q, 1, 1))
        samples.append(
            make_sample(
                img_id,
                centers + spread * rng.normal(size=(Q, K, 2)),
                rng.choice(np.linspace(0, 1, 10), Q),
                rng.random((Q, K), np.float32) * (rng.random((Q, 1)) > 0.1),
            )
        )
    return people, samples


def evaluate(folder, people, samples, cls=FastCocoMetric, ids=None, **kwargs):
    """-> the ten numbers by name; the images are those of the samples."""
    kwargs = dict(dict(score_mode='bbox', nms_mode='none'), **kwargs)
    ids = ids or [sample['img_id'] for sample in samples]
    path = folder / 'people.json'
    path.write_text(
        json.dumps(
            dict(
                images=[dict(id=n, width=640, height=480) for n in ids],
                categories=[dict(id=n, name=str(n)) for n in (1, 2)],
                annotations=[
                    dict(person, id=n) for n, person in enumerate(people)
                ],
            )
        )
    )
    metric = cls(ann_file=str(path), **kwargs)
    metric.dataset_meta = dict(num_keypoints=K, sigmas=SIGMAS)
    metric.process(None, samples)
    return metric.evaluate(len(samples))


def assert_same(folder, people, samples, **kwargs):
    """Both metrics agree to 6 digits; -> the numbers."""
    expected = evaluate(folder, people, samples, CocoMetric, **kwargs)
    got = evaluate(folder, people, samples, backend='hotcoco', **kwargs)
    assert list(got) == list(expected) == NAMES
    assert got == pytest.approx(expected, abs=1e-6)
    return got


@pytest.fixture
def lines(monkeypatch):
    """What the metric writes to the log."""
    found = []
    monkeypatch.setattr(
        evaluation, 'print_log', lambda text, logger: found.append(text)
    )
    return found


@pytest.fixture
def world():
    return random_world(seed=4)


@pytest.fixture
def hit():
    """One person, found exactly."""
    keypoints = np.array([[0.0, 0], [80, 0], [0, 80], [80, 80], [40, 40]])
    return [make_person(keypoints)], [make_sample(1, [keypoints], [0.9])]


@needs_hotcoco
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), use_area=st.booleans())
def test_equals_cocos_numbers(tmp_path_factory, seed, use_area):
    folder = tmp_path_factory.mktemp('world')
    assert_same(folder, *random_world(seed), use_area=use_area)


@needs_hotcoco
@pytest.mark.parametrize(
    'mode',
    [
        dict(score_mode='bbox_keypoint'),
        dict(score_mode='keypoint', nms_mode='oks_nms'),
        dict(nms_mode='oks_nms', nms_thr=0.5),
    ],
)
def test_scores_and_nms_are_those_of_mmpose(tmp_path, mode):
    assert_same(tmp_path, *random_world(1, num_images=8), **mode)


def small_by_pycocotools(folder):
    """AP and AR of the files of ``evaluate``, with one range of areas.

    It knows neither the id 0 nor that detections without a score above 0 for
    any keypoint are ignored."""
    coco = COCO()
    coco.dataset = json.loads((folder / 'people.json').read_text())
    for person in coco.dataset['annotations']:
        person['id'] += 1
    coco.createIndex()
    found = json.loads((folder / 'found.keypoints.json').read_text())
    found = [each for each in found if max(each['keypoints'][2::3]) > 0]
    evaluation = COCOeval(coco, coco.loadRes(found), 'keypoints')
    evaluation.params.kpt_oks_sigmas = SIGMAS
    evaluation.params.areaRng = [[0, 1024]]
    evaluation.params.areaRngLbl = ['all']
    evaluation.evaluate()
    evaluation.accumulate()
    numbers = [evaluation.eval[key] for key in ('precision', 'recall')]
    return [
        each[each > -1].mean() if each.max() > -1 else -1 for each in numbers
    ]


def small_numbers(folder, people, samples, backend, **kwargs):
    """-> AP (S) and AR (S); the ten others stay as they are."""
    if backend == 'hotcoco':
        pytest.importorskip('hotcoco')
    plain = evaluate(folder, people, samples, backend=backend, **kwargs)
    numbers = evaluate(
        folder,
        people,
        samples,
        backend=backend,
        small=True,
        outfile_prefix=str(folder / 'found'),
        **kwargs,
    )
    assert list(numbers) == [*NAMES, 'coco/AP (S)', 'coco/AR (S)']
    assert {name: numbers[name] for name in NAMES} == plain
    return [numbers['coco/AP (S)'], numbers['coco/AR (S)']]


BOTH = pytest.mark.parametrize('backend', evaluation.BACKENDS[1:])


@BOTH
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_small_people_as_pycocotools_has_them(tmp_path_factory, backend, seed):
    folder = tmp_path_factory.mktemp('world')
    people, samples = random_world(seed)
    got = small_numbers(folder, people, samples, backend)
    if any(len(each['pred_instances']['keypoints']) for each in samples):
        expected = small_by_pycocotools(folder)
        assert got == pytest.approx(expected, abs=1e-6)


@needs_hotcoco
@pytest.mark.parametrize('use_area', [True, False])
def test_small_people_by_both_backends(tmp_path, use_area):
    found = [
        small_numbers(
            tmp_path, *random_world(2, 20), backend, use_area=use_area
        )
        for backend in ('hotcoco', 'xtcocotools')
    ]
    assert 0 < found[0][0] < found[0][1] < 1
    assert found[0] == pytest.approx(found[1], abs=1e-6)


SQUARE = np.array([[0.0, 0], [1, 0], [0, 1], [1, 1], [0.5, 0.5]])


@BOTH
@pytest.mark.parametrize(
    ('side', 'AP'),
    [
        (20, 0.5),  # small, of no person: a false positive
        (40, 1),  # not small, of no person: ignored
    ],
)
def test_small_people_by_hand(tmp_path, backend, side, AP):
    """One small person found; a large one missed, or found, is ignored."""
    small, large = SQUARE * 20, SQUARE * 120 + 200
    false = SQUARE * side + 400
    people = [make_person(small), make_person(large)]
    for found in ([false, small], [false, small, large]):
        sample = make_sample(1, found, [0.9, 0.8, 0.95][: len(found)])
        got = small_numbers(tmp_path, people, [sample], backend)
        assert got == pytest.approx([AP, 1])


@BOTH
def test_small_people_are_up_to_32_pixels(tmp_path, backend):
    """COCO's range includes its ends; without small people it has -1."""
    for area, numbers in ((1024, [0, 0]), (1024.5, [-1, -1])):
        people = [make_person(SQUARE * 60, area=area)]
        sample = make_sample(1, [SQUARE * 60 + 300], [0.9])
        assert small_numbers(tmp_path, people, [sample], backend) == numbers


@needs_hotcoco
def test_area_is_that_of_predicted_boxes(tmp_path, world):
    people, samples = world
    for sample in samples:
        preds = sample['pred_instances']
        top_left = preds['keypoints'].min(axis=1)
        preds['bboxes'] = np.concatenate([top_left, top_left + 60], axis=1)
    boxes = assert_same(tmp_path, people, samples)
    for sample in samples:
        del sample['pred_instances']['bboxes']
    assert boxes != assert_same(tmp_path, people, samples)


@needs_hotcoco
def test_use_area_false_needs_no_area(tmp_path, world):
    people, samples = world
    for person in people:
        del person['area']
    assert_same(tmp_path, people, samples, use_area=False)


@needs_hotcoco
def test_exact_hit_scores_one(tmp_path, hit):
    numbers = assert_same(tmp_path, *hit)
    assert numbers['coco/AP'] == pytest.approx(1)
    assert numbers['coco/AP (L)'] == -1  # no person of that size


@pytest.mark.parametrize('backend', evaluation.BACKENDS[1:])
def test_categories_of_any_id_are_one(tmp_path, world, backend):
    """Predictions have none; other tasks' annotations are left out, and what
    annotation tools leave out is filled in."""
    if backend == 'hotcoco':
        pytest.importorskip('hotcoco')
    people, samples = world
    for person in people:
        person['area'] = 0.53 * person['bbox'][2] * person['bbox'][3]
    expected = evaluate(tmp_path, people, samples, backend=backend)
    assert 0 < expected['coco/AP'] < 1
    for n, person in enumerate(people):
        del person['area']
        person['category_id'] = (0, 7)[n % 2]
        del person['num_keypoints']
        if not person['iscrowd']:
            del person['iscrowd']
    box = dict(people[0])
    del box['keypoints']
    people += [box, dict(image_id=0, category_id=1)]
    assert evaluate(tmp_path, people, samples, backend=backend) == expected


@needs_hotcoco
def test_no_detections_score_zero(tmp_path, hit):
    people, _ = hit
    nothing = make_sample(1, np.zeros((0, K, 2)), [])
    assert assert_same(tmp_path, people, [nothing])['coco/AP'] == 0
    nothing['pred_instances'].update(
        keypoints=np.zeros(0), keypoint_scores=np.zeros(0)
    )
    assert assert_same(tmp_path, people, [nothing])['coco/AP'] == 0


@needs_hotcoco
@pytest.mark.parametrize(
    'change',
    [
        dict(iscrowd=1),
        dict(keypoints=[0] * 3 * K, num_keypoints=0),
        dict(keypoints=[0] * 3 * K, num_keypoints=3),
        None,
    ],
)
def test_no_person_to_find_scores_minus_one(tmp_path, hit, change):
    """Crowds, people without keypoints by v, no person."""
    people, samples = hit
    people = [] if change is None else [dict(people[0], **change)]
    numbers = assert_same(tmp_path, people, samples)
    assert set(numbers.values()) == {-1}


@needs_hotcoco
def test_hits_of_crowds_count_neither_way(tmp_path, hit):
    people, (sample,) = hit
    crowd_at = sample['pred_instances']['keypoints'][0] + 400
    people.append(make_person(crowd_at, iscrowd=1))
    found = [*sample['pred_instances']['keypoints'], crowd_at, crowd_at]
    sample = make_sample(1, found, [0.5, 0.9, 0.8])
    numbers = assert_same(tmp_path, people, [sample])
    assert numbers['coco/AP'] == pytest.approx(1)


@needs_hotcoco
def test_twenty_best_of_an_image_count(tmp_path, hit):
    """The first of equal scores is the better, and what has no keypoint with
    a score above 0 takes no place."""
    people, (sample,) = hit
    exact = sample['pred_instances']['keypoints'][0]
    for place, AP in ((19, 1 / 20), (20, 0)):
        found = np.stack([exact + 400] * 25)
        found[place] = exact
        sample = make_sample(1, found, [0.5] * 25)
        numbers = assert_same(tmp_path, people, [sample])
        assert numbers['coco/AP'] == pytest.approx(AP)
    sample['pred_instances']['keypoint_scores'][3] = 0
    numbers = assert_same(tmp_path, people, [sample])
    assert numbers['coco/AP'] == pytest.approx(1 / 20)


@pytest.mark.parametrize('key', ['keypoints', 'keypoint_scores'])
@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_numbers_not_finite_are_left_to_xtcocotools(
    tmp_path, lines, hit, key, value
):
    """It takes a distance of NaN for a hit, and one of inf for a miss."""
    people, samples = hit
    samples[0]['pred_instances'][key][0, 0] = value
    expected = evaluate(tmp_path, people, samples, CocoMetric)
    assert evaluate(tmp_path, people, samples) == expected
    assert len(lines) == 1
    if evaluation.hotcoco is not None:
        assert 'xtcocotools: a detection has a number that is' in lines[0]
        with pytest.raises(ValueError, match='not finite'):
            evaluate(tmp_path, people, samples, backend='hotcoco')


def test_detections_of_no_image_are_an_error(tmp_path, hit):
    people, samples = hit
    samples.append(make_sample(7, np.zeros((1, K, 2)), [1]))
    for cls in (CocoMetric, FastCocoMetric):
        with pytest.raises(AssertionError, match='not correspond'):
            evaluate(tmp_path, people, samples, cls, ids=[1])


def test_skeletons_must_agree(tmp_path, lines, hit):
    people, samples = hit
    people.append(dict(people[0], keypoints=[0, 0, 2] * (K + 1)))
    with pytest.raises(ValueError, match='broadcast'):
        evaluate(tmp_path, people, samples)
    assert len(lines) == 1


def test_crowdpose_is_left_to_xtcocotools(tmp_path, lines, monkeypatch, hit):
    monkeypatch.setattr(
        CocoMetric,
        '_do_python_keypoint_eval',
        lambda self, outfile_prefix: [('AP', 0.5)],
    )
    assert evaluate(tmp_path, *hit, iou_type='keypoints_crowd') == {
        'coco/AP': 0.5
    }
    assert len(lines) == 1


def test_works_without_hotcoco(tmp_path, world):
    """One line in the log says so, and what to do."""
    expected = evaluate(tmp_path, *world, CocoMetric)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, 'hotcoco', None)  # its import fails
        patch.setattr(METRICS, '_register_module', lambda *args, **_: None)
        spec = importlib.util.find_spec('poet_mm.evaluation.fast_coco_metric')
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    lines = []
    module.print_log = lambda text, logger: lines.append(text)
    assert evaluate(tmp_path, *world, module.FastCocoMetric) == expected
    assert len(lines) == 1
    assert 'pip install hotcoco' in lines[0]
    with pytest.raises(ImportError, match='pip install hotcoco'):
        module.FastCocoMetric(backend='hotcoco')


def test_backends_are_named():
    with pytest.raises(ValueError, match='expected one of'):
        FastCocoMetric(backend='pycocotools')


@needs_hotcoco
def test_files_are_those_of_mmpose(tmp_path, lines, world):
    """With ``outfile_prefix``; the same for ``format_only``."""
    files = []
    for name, kwargs in [
        ('theirs', dict(cls=CocoMetric)),
        ('ours', {}),
        ('only', dict(format_only=True)),
    ]:
        prefix = tmp_path / name
        evaluate(tmp_path, *world, outfile_prefix=str(prefix), **kwargs)
        files.append(prefix.with_suffix('.keypoints.json').read_text())
    assert files[0] == files[1] == files[2]
    assert not lines


@needs_hotcoco
def test_no_file_unless_asked(tmp_path, monkeypatch, world):
    monkeypatch.setattr(CocoMetric, 'results2json', None)
    evaluate(tmp_path, *world)
    monkeypatch.setattr(evaluation, 'hotcoco', None)
    with pytest.raises(TypeError):
        evaluate(tmp_path, *world)
