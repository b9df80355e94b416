"""Pixels and people move by one matrix: slow references, properties."""

import cv2
import numpy as np
import pytest
from drawn_transforms import H, K, W, make_sample, many, seeds
from hypothesis import given
from hypothesis import strategies as st

from poet_mm.datasets.transforms import affine
from poet_mm.datasets.transforms.affine import (
    compose,
    move_annotations,
    warp_image,
)

sizes = st.tuples(st.integers(1, 300), st.integers(1, 300))


def expected_people(sample, matrix, size):
    """Slow reference for one move, person by person and joint by joint."""
    (a, b, c), (d, e, f) = matrix.tolist()
    w, h = size
    people = {}
    for n, person_id in enumerate(sample['id']):
        joints, visible = [], []
        for (x, y), v in zip(
            sample['keypoints'][n].tolist(), sample['keypoints_visible'][n]
        ):
            x, y = a * x + b * y + c, d * x + e * y + f
            joints.append((x, y))
            visible.append(v if 0 <= x <= w and 0 <= y <= h else 0)
        x1, y1, x2, y2 = sample['bbox'][n].tolist()
        xs = [a * x + b * y + c for x in (x1, x2) for y in (y1, y2)]
        ys = [d * x + e * y + f for x in (x1, x2) for y in (y1, y2)]
        box = [min(xs), min(ys), max(xs), max(ys)]
        box = [min(max(side, 0), n) for side, n in zip(box, (w, h, w, h))]
        rest = (box[2] - box[0]) * (box[3] - box[1])
        whole = (max(xs) - min(xs)) * (max(ys) - min(ys))
        labelled = any(sample['keypoints_visible'][n] > 0)
        if any(visible) if labelled else rest > 0:
            area = sample['area'][n] * abs(a * e - b * d) * rest / whole
            people[person_id] = joints, visible, box, area
    return people


@many
@given(
    seeds,
    st.floats(0, 360),
    st.floats(0.3, 3),
    st.tuples(st.floats(-200, 200), st.floats(-200, 200)),
    sizes,
)
def test_people_move_as_the_slow_reference(seed, degrees, scale, shift, size):
    sample = make_sample(seed)
    matrix = cv2.getRotationMatrix2D((W / 2, H / 2), degrees, scale)
    matrix[:, 2] += shift
    expected = expected_people(sample, matrix, size)
    move_annotations(sample, matrix, size)
    assert sample['id'] == list(expected)
    for n, person in enumerate(expected.values()):
        joints, visible, box, area = person
        moved = [*sample['keypoints'][n].ravel(), *sample['bbox'][n]]
        expected_numbers = [*np.ravel(joints), *box]
        np.testing.assert_allclose(moved, expected_numbers, 1e-4, 1e-3)
        assert sample['keypoints_visible'][n].tolist() == visible
        assert sample['area'][n] == pytest.approx(area, rel=0.01, abs=0.01)


def test_middle_of_a_rotation_maps_back():
    sample = make_sample()
    matrix = cv2.getRotationMatrix2D((50, 40), 30, 2.0)
    move_annotations(sample, matrix, (100, 90))
    back = np.linalg.solve(matrix[:, :2], (50, 45) - matrix[:, 2])
    np.testing.assert_allclose(sample['input_center'], back, rtol=1e-5)
    np.testing.assert_allclose(sample['input_scale'], (50, 45), rtol=1e-5)


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
    places = np.stack([column, row, np.ones_like(row)])
    x, y = np.einsum('ij,jhw->ihw', inverse, places) - 0.5
    around = np.full((h + 2, w + 2, 3), fill, float)
    around[1:-1, 1:-1] = image
    x, y = np.clip(x, -1, w) + 1, np.clip(y, -1, h) + 1
    left, top = np.minimum(x.astype(int), w), np.minimum(y.astype(int), h)
    a, b = (x - left)[..., None], (y - top)[..., None]
    return (
        (1 - a) * (1 - b) * around[top, left]
        + a * (1 - b) * around[top, left + 1]
        + (1 - a) * b * around[top + 1, left]
        + a * b * around[top + 1, left + 1]
    )


@many
@given(seeds, st.floats(0, 360), st.floats(0.3, 3), sizes)
def test_warp_is_bilinear_interpolation(seed, degrees, scale, size):
    """To rounding with IPP; cv2's own code is up to 1/32 pixel off."""
    image = make_sample(seed)['img']
    matrix = cv2.getRotationMatrix2D((W / 2, H / 2), degrees, scale)
    warped = warp_image(image, matrix, size, fill=(1, 2, 3))
    expected = slow_warp(image, matrix, size, (1, 2, 3))
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
        warp_image(np.ascontiguousarray(image), matrix, (90, 80)),
    )


def test_window_of_whole_pixels_is_exact():
    image = make_sample()['img']
    matrix = np.array([[1.0, 0, -20], [0, 1, -30]])
    window = warp_image(image, matrix, (50, 40))
    assert np.array_equal(window, image[30:70, 20:70])
    beyond = warp_image(image, matrix, (W, H), fill=(1, 2, 3))
    assert beyond.shape == image.shape
    assert np.array_equal(beyond[: H - 30, : W - 20], image[30:, 20:])
    assert (beyond[H - 30 :] == (1, 2, 3)).all()


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
        atol=1e-2,
    )


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
