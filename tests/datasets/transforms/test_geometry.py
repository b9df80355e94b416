"""Geometry moves pixels and labels together, once, and loses nobody."""
import copy

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.registry import init_default_scope
from mmpose.registry import TRANSFORMS

from poet_mm.datasets.transforms import affine
from poet_mm.datasets.transforms.affine import (
    compose,
    move_annotations,
    move_points,
    warp_image,
)
from poet_mm.datasets.transforms.dropout import CoarseDropout, drop_cells
from poet_mm.datasets.transforms.formatting import image_planes
from poet_mm.datasets.transforms.geometry import (
    RandomSizeCrop,
    WarpOnce,
    short_edge_size,
)
from poet_mm.models.instances import to_original

K = 3
W, H = 160, 120
ARRAYS = ('keypoints', 'keypoints_visible', 'bbox', 'bbox_score', 'area',
          'iscrowd', 'num_keypoints')
PERSON_KEYS = (*ARRAYS, 'id', 'segmentation', 'raw_ann_info')
many = settings(max_examples=40, deadline=None)
seeds = st.integers(0, 2**32 - 1)

rotations = st.builds(
    dict,
    type=st.just('RandomRotation'),
    prob=st.just(1.0),
    max_degrees=st.floats(0, 180))
crops = st.builds(
    lambda low, more: {
        'type': 'RandomSizeCrop',
        'min_size': low,
        'max_size': low + more
    }, st.integers(1, 200), st.integers(0, 100))
resizes = st.builds(
    dict,
    type=st.just('ShortEdgeResize'),
    short_edges=st.lists(st.integers(50, 250), min_size=1, max_size=3),
    max_size=st.sampled_from([None, 200, 400]))
affines = st.builds(
    dict,
    type=st.just('RandomAffine'),
    size=st.tuples(st.integers(50, 250), st.integers(50, 250)),
    max_degrees=st.floats(0, 180),
    max_shift=st.floats(0, 0.5))
choices = st.builds(
    lambda a, b: {
        'type': 'RandomChoice',
        'prob': [0.5, 0.5],
        'transforms': [[a], [b, a]]
    }, resizes, crops)
moves = st.lists(
    st.one_of(rotations, affines, crops, resizes, choices),
    min_size=1,
    max_size=4)
flat_moves = st.lists(
    st.one_of(crops, resizes, choices), min_size=1, max_size=4)


@pytest.fixture(scope='module', autouse=True)
def scope():
    """The scope in which a Runner of MMPose builds its pipelines."""
    init_default_scope('mmpose')


def make_sample(seed=0, N=4, size=(W, H)):
    """N people with random joints and v; every field tells the id.

    The last person is a crowd, the one before has no labelled joint.
    """
    rng = np.random.default_rng(seed)
    w, h = size
    ids = np.arange(N)
    v = rng.integers(0, 3, (N, K))
    if N > 1:
        v[-2:] = 0
    corners = rng.uniform(0, (w, h), (N, 2, 2))
    bbox = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    sample = {
        'img': rng.integers(0, 256, (h, w, 3), np.uint8),
        'img_shape': (h, w),
        'keypoints': rng.uniform(0, (w, h), (N, K, 2)).astype(np.float32),
        'keypoints_visible': v.astype(np.float32),
        'bbox': bbox.astype(np.float32),
        'bbox_score': ids.astype(np.float32),
        'area': (100 + ids).astype(np.float32),
        'iscrowd': (ids == N - 1).astype(np.int64) * (N > 1),
        'num_keypoints': (v > 0).sum(axis=1),
        'id': ids.tolist(),
        'segmentation': [[n] for n in ids],
        'raw_ann_info': [{'id': n} for n in ids],
        'flip_indices': [0, 2, 1],
    }
    return sample


def run(config, sample, seed=0):
    np.random.seed(seed)
    return TRANSFORMS.build(config)(copy.copy(sample))


def once(transforms, **kwargs):
    return {'type': 'WarpOnce', 'transforms': transforms, **kwargs}


def assert_same_labels(a, b):
    for key in (*ARRAYS, 'input_center', 'input_scale', 'warp_mat'):
        np.testing.assert_array_equal(a[key], b[key], err_msg=key)
    for key in ('id', 'img_shape', 'input_size', 'raw_ann_info'):
        assert a[key] == b[key], key


def expected_people(sample, matrix, size):
    """Slow reference for one move, person by person and joint by joint."""
    (a, b, c), (d, e, f) = matrix.tolist()
    w, h = size
    people = {}
    for n, person_id in enumerate(sample['id']):
        joints, visible = [], []
        for (x, y), v in zip(sample['keypoints'][n].tolist(),
                             sample['keypoints_visible'][n]):
            x, y = a * x + b * y + c, d * x + e * y + f
            joints.append((x, y))
            visible.append(v if 0 <= x <= w and 0 <= y <= h else 0)
        x1, y1, x2, y2 = sample['bbox'][n].tolist()
        xs = [a * x + b * y + c for x in (x1, x2) for y in (y1, y2)]
        ys = [d * x + e * y + f for x in (x1, x2) for y in (y1, y2)]
        box = [
            min(max(min(xs), 0), w),
            min(max(min(ys), 0), h),
            min(max(max(xs), 0), w),
            min(max(max(ys), 0), h)
        ]
        rest = (box[2] - box[0]) * (box[3] - box[1])
        whole = (max(xs) - min(xs)) * (max(ys) - min(ys))
        labelled = any(sample['keypoints_visible'][n] > 0)
        if any(visible) if labelled else rest > 0:
            area = sample['area'][n] * abs(a * e - b * d) * rest / whole
            people[person_id] = joints, visible, box, area
    return people


@many
@given(seeds, st.floats(0, 360), st.floats(0.3, 3), st.floats(-200, 200),
       st.floats(-200, 200), st.integers(1, 300), st.integers(1, 300))
def test_people_move_as_the_slow_reference(seed, degrees, scale, x, y, w, h):
    sample = make_sample(seed)
    matrix = cv2.getRotationMatrix2D((W / 2, H / 2), degrees, scale)
    matrix[:, 2] += x, y
    expected = expected_people(sample, matrix, (w, h))
    move_annotations(sample, matrix, (w, h))
    assert sample['id'] == list(expected)
    for n, person in enumerate(expected.values()):
        joints, visible, box, area = person
        np.testing.assert_allclose(
            sample['keypoints'][n], joints, rtol=1e-4, atol=1e-3)
        assert sample['keypoints_visible'][n].tolist() == visible
        np.testing.assert_allclose(
            sample['bbox'][n], box, rtol=1e-4, atol=1e-3)
        assert sample['area'][n] == pytest.approx(area, rel=0.01, abs=0.01)


@many
@given(seeds, moves)
def test_fields_stay_aligned_and_stored_arrays_untouched(seed, transforms):
    stored = make_sample(seed)
    before = copy.deepcopy(stored)
    out = run(once(transforms), stored, seed)
    for key, value in before.items():
        np.testing.assert_array_equal(stored[key], value, err_msg=key)

    ids = out['id']
    assert ids == [info['id'] for info in out['raw_ann_info']]
    assert ids == [n for [n] in out['segmentation']]
    assert ids == out['bbox_score'].tolist()
    assert all(len(out[key]) == len(ids) for key in PERSON_KEYS)
    assert (out['keypoints_visible'] <= before['keypoints_visible'][ids]).all()
    assert (out['iscrowd'] == before['iscrowd'][ids]).all()
    labelled = (out['keypoints_visible'] > 0).sum(axis=1)
    assert (out['num_keypoints'] == labelled).all()
    had_joints = before['num_keypoints'][ids] > 0
    assert (labelled[had_joints] > 0).all()
    assert (affine.box_areas(out['bbox'])[~had_joints] > 0).all()
    for key in ('keypoints', 'keypoints_visible', 'bbox', 'area'):
        assert out[key].dtype == np.float32, key
    h, w = out['img_shape']
    assert out['img'].shape == (h, w, 3)
    assert out['img'].dtype == np.uint8
    assert out['input_size'] == (w, h)
    assert 'pending_warp' not in out


@many
@given(seeds, moves)
def test_once_labels_as_one_by_one(seed, transforms):
    sample = make_sample(seed)
    together = run(once(transforms), sample, seed)
    np.random.seed(seed)
    apart = copy.copy(sample)
    for config in transforms:
        apart = TRANSFORMS.build(config)(apart)
    assert_same_labels(together, apart)
    assert apart['img'].shape == together['img'].shape


@many
@given(seeds, moves)
def test_pixels_and_joints_move_together(seed, transforms):
    """A bright blob at a joint is found at the moved joint."""
    sigma = 3
    sample = make_sample(seed, N=1)
    center = np.random.default_rng(seed).uniform(
        4 * sigma, (W - 4 * sigma, H - 4 * sigma))
    column, row = np.arange(W) + 0.5, np.arange(H)[:, None] + 0.5
    blob = np.exp(-((column - center[0])**2 + (row - center[1])**2) /
                  (2 * sigma**2))
    sample['img'] = np.repeat(np.uint8(255 * blob)[..., None], 3, axis=2)
    sample['keypoints'] = np.tile(np.float32(center), (1, K, 1))
    sample['keypoints_visible'] = np.full((1, K), 2, np.float32)
    out = run(once(transforms, fill=(0, 0, 0)), sample, seed)

    scale = abs(np.linalg.det(out['warp_mat'][:, :2]))**0.5
    margin = 4 * sigma * scale
    if not out['id'] or (out['keypoints'][0, 0] < margin).any() or (
            out['keypoints'][0, 0] > np.subtract(out['input_size'],
                                                 margin)).any():
        return  # cut by the border, its middle is elsewhere
    weights = out['img'][..., 0].astype(float)
    found = [
        np.average(np.arange(n) + 0.5, weights=weights.sum(axis=axis))
        for axis, n in enumerate(out['input_size'])
    ]
    np.testing.assert_allclose(found, out['keypoints'][0, 0], atol=0.25)


@many
@given(seeds, flat_moves)
def test_predictions_map_back_to_the_original(seed, transforms):
    sample = make_sample(seed)
    out = run(once(transforms), sample, seed)
    size, scale = out['input_size'], out['input_scale']
    back = out['keypoints'] / size * scale + out['input_center'] - 0.5 * scale
    np.testing.assert_allclose(
        back, sample['keypoints'][out['id']], rtol=1e-4, atol=1e-2)


def test_middle_of_a_rotation_maps_back():
    sample = make_sample()
    matrix = cv2.getRotationMatrix2D((50, 40), 30, 2.0)
    move_annotations(sample, matrix, (100, 90))
    back = np.linalg.solve(matrix[:, :2], (50, 45) - matrix[:, 2])
    np.testing.assert_allclose(sample['input_center'], back, rtol=1e-5)
    np.testing.assert_allclose(sample['input_scale'], (50, 45), rtol=1e-5)


def count_calls(monkeypatch):
    calls = []
    for name in ('warpAffine', 'resize'):
        original = getattr(cv2, name)

        def counted(*args, original=original, name=name, **kwargs):
            calls.append(name)
            return original(*args, **kwargs)

        monkeypatch.setattr(cv2, name, counted)
    return calls


RESIZE = {'type': 'ShortEdgeResize', 'short_edges': 200}
ROTATION = {'type': 'RandomRotation', 'prob': 1.0}
CROP = {'type': 'RandomSizeCrop', 'min_size': 50, 'max_size': 60}


@pytest.mark.parametrize(('transforms', 'calls'), [
    ([ROTATION, RESIZE, CROP, RESIZE], ['warpAffine']),
    ([RESIZE, CROP, RESIZE], ['warpAffine']),
    ([RESIZE, RESIZE], ['resize']),
    ([CROP, CROP], []),
    ([{**ROTATION, 'prob': 0.0}], []),
])
def test_pixels_move_once(monkeypatch, transforms, calls):
    counted = count_calls(monkeypatch)
    sample = make_sample()
    out = run(once(transforms), sample)
    assert counted == calls
    if not calls:
        assert np.shares_memory(out['img'], sample['img'])


@pytest.mark.parametrize('size', [(100, 75), (320, 240), (231, 77)])
def test_warp_agrees_with_resize(monkeypatch, size):
    image = cv2.GaussianBlur(make_sample()['img'], (0, 0), 3)
    matrix = np.zeros((2, 3))
    matrix[[0, 1], [0, 1]] = np.divide(size, (W, H))
    resized = warp_image(image, matrix, size)
    monkeypatch.setattr(affine, 'is_resize', lambda *_: False)
    warped = warp_image(image, matrix, size)
    difference = np.abs(resized.astype(int) - warped)[3:-3, 3:-3]
    assert difference.max() <= 2
    assert np.array_equal(resized, cv2.resize(image, size))


def slow_warp(image, matrix, size, fill):
    """Bilinear interpolation in floating point; ``fill`` lies all around."""
    h, w = image.shape[:2]
    column, row = np.meshgrid(*(np.arange(n) + 0.5 for n in size))
    inverse = cv2.invertAffineTransform(matrix)
    x, y = np.einsum('ij,jhw->ihw', inverse,
                     np.stack([column, row, np.ones_like(row)])) - 0.5
    around = np.full((h + 2, w + 2, 3), fill, float)
    around[1:-1, 1:-1] = image
    x, y = np.clip(x, -1, w) + 1, np.clip(y, -1, h) + 1
    left, top = np.minimum(x.astype(int), w), np.minimum(y.astype(int), h)
    a, b = (x - left)[..., None], (y - top)[..., None]
    return ((1 - a) * (1 - b) * around[top, left] +
            a * (1 - b) * around[top, left + 1] +
            (1 - a) * b * around[top + 1, left] +
            a * b * around[top + 1, left + 1])


@many
@given(seeds, st.floats(0.3, 3), st.floats(0.3, 3), st.integers(-50, 50),
       st.integers(-50, 50))
def test_original_pixels_of_a_moved_point(seed, a, d, x, y):
    """Any resize and crop is undone."""
    sample = make_sample(seed)
    matrix = np.array([[a, 0, x], [0, d, y]])
    move_annotations(sample, matrix, (90, 80))
    points = np.random.default_rng(seed).uniform(-50, 150, (4, 3, 2))
    np.testing.assert_allclose(
        to_original(move_points(points, matrix), sample), points, atol=1e-2)


@many
@given(seeds, st.floats(0, 360), st.floats(0.3, 3), st.integers(1, 300),
       st.integers(1, 300))
def test_warp_is_bilinear_interpolation(seed, degrees, scale, w, h):
    """To rounding with IPP; cv2's own code is up to 1/32 pixel off."""
    image = make_sample(seed)['img']
    matrix = cv2.getRotationMatrix2D((W / 2, H / 2), degrees, scale)
    warped = warp_image(image, matrix, (w, h), fill=(1, 2, 3))
    expected = slow_warp(image, matrix, (w, h), (1, 2, 3))
    ipp = cv2.ipp.useIPP()
    assert np.abs(warped - expected).max() < (0.6 if ipp else 20)
    assert not cv2.ipp.useIPP_NotExact()


@pytest.mark.parametrize('shape', [(H, W, 3), (H, W), (H, W, 1)])
def test_flipped_view_warps_as_its_copy(shape):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, shape, np.uint8)[:, ::-1]
    matrix = cv2.getRotationMatrix2D((W / 2, H / 2), 10, 1.2)
    assert np.array_equal(
        warp_image(image, matrix, (90, 80)),
        warp_image(np.ascontiguousarray(image), matrix, (90, 80)))


def test_window_of_whole_pixels_is_exact():
    image = make_sample()['img']
    matrix = np.array([[1.0, 0, -20], [0, 1, -30]])
    window = warp_image(image, matrix, (50, 40))
    assert np.array_equal(window, image[30:70, 20:70])
    beyond = warp_image(image, matrix, (W, H), fill=(1, 2, 3))
    assert beyond.shape == image.shape
    assert np.array_equal(beyond[:H - 30, :W - 20], image[30:, 20:])
    assert (beyond[H - 30:] == (1, 2, 3)).all()


@many
@given(st.floats(0.2, 3), st.floats(-3, 3), st.floats(-50, 50))
def test_composed_matrix_is_one_move_after_the_other(scale, shear, shift):
    first = np.array([[scale, shear, shift], [-shear, scale, 1.0]])
    second = np.array([[1.0, 0.5, -shift], [0, scale, 3]])
    points = make_sample()['keypoints']
    np.testing.assert_allclose(
        affine.move_points(points, compose(second, first)),
        affine.move_points(affine.move_points(points, first), second),
        rtol=1e-3,
        atol=1e-2)


@pytest.mark.parametrize(('size', 'short_edge', 'max_size', 'expected'), [
    ((640, 480), 800, 1333, (1066, 800)),
    ((480, 640), 800, 1333, (800, 1066)),
    ((1000, 300), 800, 1333, (1333, 400)),
    ((500, 500), 800, 400, (400, 400)),
    ((640, 427), 512, None, (767, 512)),
    ((1, 1), 480, 1333, (480, 480)),
    ((5000, 1), 480, 1333, (1333, 1)),
])
def test_sizes_are_those_of_detr(size, short_edge, max_size, expected):
    assert short_edge_size(size, short_edge, max_size) == expected


@many
@given(st.integers(1, 2000), st.integers(1, 2000), st.integers(1, 900),
       st.integers(1, 1400))
def test_long_edge_is_limited(w, h, short_edge, max_size):
    new_w, new_h = short_edge_size((w, h), short_edge, max_size)
    assert 1 <= min(new_w, new_h) <= short_edge
    assert max(new_w, new_h) <= max_size


@many
@given(seeds, st.integers(1, 300), st.integers(1, 300))
def test_crop_stays_in_the_image(seed, w, h):
    np.random.seed(seed)
    matrix, sides = RandomSizeCrop(50, 100).draw((w, h))
    for side, length, shift in zip(sides, (w, h), matrix[:, 2]):
        assert min(length, 50) <= side <= min(length, 100)
        assert 0 <= -shift <= length - side


@many
@given(seeds, moves, st.sampled_from([(1, 1), (1, 40), (40, 1), (2, 3)]))
def test_tiny_images(seed, transforms, size):
    out = run(once(transforms), make_sample(seed, size=size), seed)
    assert out['img'].shape[:2] == out['img_shape']


@many
@given(seeds, moves, st.sampled_from([(H, W), (H, W, 1), (H, W, 4)]))
def test_grey_images_and_alpha(seed, transforms, shape):
    sample = {'img': np.zeros(shape, np.uint8), 'img_shape': (H, W)}
    out = run(once(transforms), sample, seed)
    assert out['img'].shape == (*out['img_shape'], *shape[2:])


@many
@given(seeds, moves)
def test_nobody(seed, transforms):
    pipeline = [
        {'type': 'RandomFlip', 'prob': 1.0}, once(transforms),
        {'type': 'CoarseDropout', 'prob': 1.0}]
    out = make_sample(seed, N=0)
    empty = copy.deepcopy(out)
    np.random.seed(seed)
    for config in pipeline:
        out = TRANSFORMS.build(config)(out)
    for key in PERSON_KEYS:
        assert np.shape(out[key]) == np.shape(empty[key]), key


@many
@given(seeds, moves)
def test_image_alone(seed, transforms):
    """As MMPose's inferencer and its datasets in test mode pass it."""
    sample = {key: make_sample()[key] for key in ('img', 'img_shape')}
    sample.update(id=[], raw_ann_info=None)
    out = run(once(transforms), sample, seed)
    assert out['img'].shape == (*out['img_shape'], 3)
    assert {'input_size', 'input_center', 'input_scale'} <= out.keys()
    assert out['id'] == []
    assert out['raw_ann_info'] is None


def shifted(x, **changes):
    """Two people and a crowd, moved x to the right, on the same canvas."""
    sample = make_sample(N=3)
    sample['bbox'][:] = [10, 10, 50, 50]
    sample['keypoints'][:] = 20
    sample['keypoints_visible'][0] = 2
    sample.update(changes)
    move_annotations(sample, np.array([[1.0, 0, x], [0, 1, 0]]), (W, H))
    return sample


def test_people_leave_with_their_last_joint_or_pixel():
    everyone = {'joints': 0, 'no joints': 1, 'crowd': 2}
    assert shifted(0)['id'] == list(everyone.values())
    half_out = shifted(-30)  # joints are out, half of each box is in
    assert half_out['id'] == [everyone['no joints'], everyone['crowd']]
    np.testing.assert_allclose(half_out['area'], [50.5, 51])
    gone = shifted(500)
    assert gone['id'] == []
    assert gone['keypoints'].shape == (0, K, 2)
    assert gone['bbox'].shape == (0, 4)


def test_fields_of_other_datasets_may_be_missing_or_of_other_length():
    sample = make_sample(N=3)
    for key in ('area', 'iscrowd', 'num_keypoints', 'bbox_score'):
        del sample[key]
    sample['segmentation'] = [1.0] * 7  # mmpose chains all polygons
    move_annotations(sample, np.eye(2, 3), (1, 1))
    assert len(sample['segmentation']) == 7
    assert len(sample['id']) == len(sample['keypoints'])


def test_flip_keeps_raw_visibility():
    sample = make_sample()
    flipped = run({'type': 'RandomFlip', 'prob': 1.0}, sample)
    assert np.array_equal(flipped['keypoints_visible'],
                          sample['keypoints_visible'][:, [0, 2, 1]])
    out = WarpOnce([RESIZE])(flipped)  # a flipped image is a negative stride
    assert np.array_equal(
        out['img'],
        cv2.resize(np.ascontiguousarray(sample['img'][:, ::-1]), (266, 200)))


@pytest.mark.parametrize('shape', [(H, W, 3), (H, W), (H, W, 1), (1, 1, 3)])
@pytest.mark.parametrize('per_channel', [0.0, 1.0])
def test_dropout_only_drops(shape, per_channel):
    image = np.full(shape, 7, np.uint8)
    dropout = CoarseDropout(prob=1.0, per_channel=per_channel)
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


def test_dropout_drops_cells():
    np.random.seed(0)
    keep = CoarseDropout(size=(0.05, 0.05)).draw((100, 200, 3))
    assert keep.shape == (5, 10, 3)
    assert CoarseDropout().draw((10, 200, 3)).shape[0] == 3
    image = np.ones((100, 200, 3), np.uint8)
    assert CoarseDropout(prob=0.0)({'img': image})['img'] is image


@many
@given(seeds, st.sampled_from([(60, 40, 3), (7, 90, 3), (5, 7), (6, 4, 1)]),
       st.integers(1, 12), st.integers(1, 12))
def test_dropped_cells_as_the_slow_reference(seed, shape, rows, columns):
    rng = np.random.default_rng(seed)
    image = rng.integers(1, 256, shape, np.uint8)
    keep = rng.random((rows, columns, (*shape, 1)[2])) > 0.3
    out = drop_cells(image, keep).reshape(*shape[:2], -1)
    for y, x in np.ndindex(shape[:2]):
        cell = keep[y * rows // shape[0], x * columns // shape[1]]
        assert (out[y, x] == image[y, x] * cell).all()


@pytest.mark.parametrize('flip', [0.0, 1.0])
@pytest.mark.parametrize('transforms', [[CROP], [RESIZE], []])
def test_packed_as_mmpose_packs(flip, transforms):
    sample = run({'type': 'RandomFlip', 'prob': flip}, make_sample())
    sample = run(once(transforms), sample)
    ours = TRANSFORMS.build({'type': 'PackBottomupInputs'})(sample)
    sample['img'] = np.ascontiguousarray(sample['img'])
    theirs = TRANSFORMS.build({'type': 'PackPoseInputs'})(sample)
    assert torch.equal(ours['inputs'], theirs['inputs'])
    assert ours['inputs'].is_contiguous()
    ours, theirs = ours['data_samples'], theirs['data_samples']
    assert set(theirs.metainfo) - set(ours.metainfo) == {'raw_ann_info'}
    assert set(ours.gt_instances.keys()) - set(
        theirs.gt_instances.keys()) == {'areas', 'iscrowd'}


@pytest.mark.parametrize('shape', [(5, 7, 3), (5, 7), (5, 7, 1), (5, 7, 4)])
def test_planes_of_any_image(shape):
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    planes = image_planes(image)
    assert np.array_equal(planes, image.reshape(5, 7, -1).transpose(2, 0, 1))


@pytest.mark.parametrize(('config', 'message'), [
    ({**CROP, 'min_size': 100}, 'min_size is 100, max_size 60'),
    ({**RESIZE, 'short_edges': 0}, 'short_edges is 0'),
    (dict(type='RandomAffine', size=(9, 9), scale=(0, 1)), r'scale is \(0'),
])
def test_wrong_arguments_are_named(config, message):
    with pytest.raises(ValueError, match=message):
        TRANSFORMS.build(config)
