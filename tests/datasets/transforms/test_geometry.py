"""Geometry moves pixels and labels together, once, and loses no person."""

import copy

import cv2
import numpy as np
import pytest
from drawn_transforms import (
    CROP,
    RESIZE,
    ROTATION,
    H,
    K,
    W,
    flat_moves,
    make_sample,
    many,
    moves,
    once,
    run,
    seeds,
)
from hypothesis import given
from hypothesis import strategies as st
from mmpose.registry import TRANSFORMS

from poet_mm.datasets.transforms import affine
from poet_mm.datasets.transforms.geometry import (
    RandomSizeCrop,
    move_pixels,
    short_edge_size,
)
from poet_mm.errors import DataFault

ARRAYS = affine.PERSON_KEYS[:7]
PERSON_KEYS = (*ARRAYS, 'id', 'segmentation', 'raw_ann_info')


def assert_same_labels(a, b):
    for key in (*ARRAYS, 'input_center', 'input_scale', 'warp_mat'):
        np.testing.assert_array_equal(a[key], b[key], err_msg=key)
    for key in ('id', 'img_shape', 'input_size', 'raw_ann_info'):
        assert a[key] == b[key], key


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
    sigma, fill = 3, affine.MEAN_BGR[0]
    sample = make_sample(seed, N=1)
    center = np.random.default_rng(seed).uniform(
        4 * sigma, (W - 4 * sigma, H - 4 * sigma)
    )
    column, row = np.arange(W) + 0.5, np.arange(H)[:, None] + 0.5
    blob = np.exp(
        -((column - center[0]) ** 2 + (row - center[1]) ** 2) / (2 * sigma**2)
    )
    blob = np.uint8(fill + 150 * blob)  # the outside is filled with this grey
    sample['img'] = np.repeat(blob[..., None], 3, axis=2)
    sample['keypoints'] = np.tile(np.float32(center), (1, K, 1))
    sample['keypoints_visible'] = np.full((1, K), 2, np.float32)
    out = run(once(transforms), sample, seed)

    scale = abs(np.linalg.det(out['warp_mat'][:, :2])) ** 0.5
    margin = 4 * sigma * scale
    if (
        not out['id']
        or (out['keypoints'][0, 0] < margin).any()
        or (
            out['keypoints'][0, 0] > np.subtract(out['input_size'], margin)
        ).any()
    ):
        return  # cut by the border, its middle is elsewhere
    weights = out['img'][..., 0].astype(float) - fill
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
        back, sample['keypoints'][out['id']], rtol=1e-4, atol=1e-2
    )


def count_calls(monkeypatch):
    calls = []
    for name in ('warpAffine', 'resize'):
        original = getattr(cv2, name)

        def counted(*args, original=original, name=name, **kwargs):
            calls.append(name)
            return original(*args, **kwargs)

        monkeypatch.setattr(cv2, name, counted)
    return calls


@pytest.mark.parametrize(
    ('transforms', 'calls'),
    [
        ([ROTATION, RESIZE, CROP, RESIZE], ['warpAffine']),
        ([RESIZE, CROP, RESIZE], ['warpAffine']),
        ([RESIZE, RESIZE], ['resize']),
        ([CROP, CROP], []),
        ([{**ROTATION, 'prob': 0.0}], []),
    ],
)
def test_pixels_move_once(monkeypatch, transforms, calls):
    counted = count_calls(monkeypatch)
    sample = make_sample()
    out = run(once(transforms), sample)
    assert counted == calls
    if not calls:
        assert np.shares_memory(out['img'], sample['img'])


@pytest.mark.parametrize(
    ('size', 'short_edge', 'max_size', 'expected'),
    [
        ((640, 480), 800, 1333, (1066, 800)),
        ((480, 640), 800, 1333, (800, 1066)),
        ((1000, 300), 800, 1333, (1333, 400)),
        ((500, 500), 800, 400, (400, 400)),
        ((640, 427), 512, None, (767, 512)),
        ((1, 1), 480, 1333, (480, 480)),
        ((5000, 1), 480, 1333, (1333, 1)),
    ],
)
def test_sizes_are_those_of_detr(size, short_edge, max_size, expected):
    assert short_edge_size(size, short_edge, max_size) == expected


@many
@given(
    st.integers(1, 2000),
    st.integers(1, 2000),
    st.integers(1, 900),
    st.integers(1, 1400),
)
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
@given(
    seeds,
    moves,
    st.sampled_from(
        [(H, W), (H, W, 1), (H, W, 4), (1, 1, 3), (40, 1, 3), (3, 2, 3)]
    ),
)
def test_images_of_any_shape_without_people(seed, transforms, shape):
    """As MMPose's inferencer and its data sets in test mode pass them."""
    sample = dict(id=[], raw_ann_info=None, img_shape=shape[:2])
    sample['img'] = np.zeros(shape, np.uint8)
    out = run(once(transforms), sample, seed)
    assert out['img'].shape == (*out['img_shape'], *shape[2:])
    assert {'input_size', 'input_center', 'input_scale'} <= out.keys()
    assert out['id'] == []
    assert out['raw_ann_info'] is None


@many
@given(seeds, moves)
def test_no_people(seed, transforms):
    pipeline = [
        {'type': 'RandomFlip', 'prob': 1.0},
        once(transforms),
        {'type': 'CoarseDropout', 'prob': 1.0},
    ]
    out = make_sample(seed, N=0)
    empty = copy.deepcopy(out)
    np.random.seed(seed)
    for config in pipeline:
        out = TRANSFORMS.build(config)(out)
    for key in PERSON_KEYS:
        assert np.shape(out[key]) == np.shape(empty[key]), key


def test_flip_keeps_raw_visibility():
    sample = make_sample()
    flipped = run({'type': 'RandomFlip', 'prob': 1.0}, sample)
    assert np.array_equal(
        flipped['keypoints_visible'], sample['keypoints_visible'][:, [0, 2, 1]]
    )


@pytest.mark.parametrize(
    ('config', 'message'),
    [
        ({**CROP, 'min_size': 100}, 'min_size is 100, max_size 60'),
        ({**RESIZE, 'short_edges': 0}, 'short_edges is 0'),
        (
            dict(type='RandomAffine', size=(9, 9), scale=(0, 1)),
            r'scale is \(0',
        ),
    ],
)
def test_wrong_arguments_are_named(config, message):
    with pytest.raises(ValueError, match=message):
        TRANSFORMS.build(config)


def test_image_that_cannot_be_moved_is_named(monkeypatch):
    def refuse(*args, **kwargs):
        raise cv2.error('SHRT_MAX')

    monkeypatch.setattr(cv2, 'warpAffine', refuse)
    sample = dict(img=np.zeros((2, 4, 3), np.uint8), img_path='large.jpg')
    with pytest.raises(DataFault, match=r'large\.jpg.* of 4 x 2 .*32,766'):
        move_pixels(sample, np.array([[1, 0.1, 0], [0, 1, 0]]), (4, 2))
