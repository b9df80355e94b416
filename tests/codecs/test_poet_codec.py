"""POETCodec: there and back, and what counts as a person."""

import numpy as np
import pytest
from helpers import random_people
from hypothesis import given, settings
from hypothesis import strategies as st

from poet_mm.codecs.poet_codec import POETCodec

SIZES = st.tuples(st.integers(1, 800), st.integers(1, 800))


@settings(max_examples=50, deadline=None)
@given(
    people=st.integers(0, 5),
    num_keypoints=st.integers(1, 20),
    size=SIZES,
    supervise=st.sampled_from(['visible', 'labelled']),
    seed=st.integers(0, 10),
)
def test_decode_undoes_encode(people, num_keypoints, size, supervise, seed):
    rng = np.random.default_rng(seed)
    keypoints = rng.random((people, num_keypoints, 2)) * size[::-1]
    visible = rng.integers(0, 3, (people, num_keypoints))
    codec = POETCodec(supervise)
    encoded = codec.encode(
        keypoints.astype(np.float32), visible.astype(np.float32), size
    )
    decoded, visibility = codec.decode(encoded, size)
    supervised = visible >= codec.lowest_supervised
    np.testing.assert_allclose(
        decoded[supervised], keypoints[supervised], rtol=1e-5, atol=1e-3
    )
    np.testing.assert_array_equal(visibility, visible == 2)
    np.testing.assert_array_equal(encoded['keypoint_weights'], supervised)
    assert (encoded['centers'] >= 0).all()
    assert (encoded['centers'] <= 1).all()
    assert (np.abs(encoded['offsets']) <= 1).all()
    assert {value.dtype.name for value in encoded.values()} == {
        'float32',
        'int64',
    }


def test_center_is_mean_of_supervised_joints():
    keypoints = np.array([[[10, 20], [30, 40], [50, 0]]], dtype=np.float32)
    visible = np.array([[2, 2, 1]], dtype=np.float32)
    seen = POETCodec('visible').encode(keypoints, visible, (100, 200))
    np.testing.assert_allclose(seen['centers'], [[0.1, 0.3]])
    np.testing.assert_allclose(seen['offsets'][0, 0], [-0.05, -0.1])
    every = POETCodec('labelled').encode(keypoints, visible, (100, 200))
    np.testing.assert_allclose(every['centers'], [[0.15, 0.2]])
    np.testing.assert_array_equal(every['visibility'], [[1, 1, 0]])


def test_crowds_are_not_people():
    keypoints, visible = random_people(3)
    codec = POETCodec()
    encoded = codec.encode(keypoints, visible, (64, 48), iscrowd=[0, 1, 0])
    kept = codec.encode(keypoints[[0, 2]], visible[[0, 2]], (64, 48))
    for name, values in encoded.items():
        np.testing.assert_array_equal(values, kept[name])


def test_person_without_joints():
    keypoints, visible = random_people(1)
    for empty_class, label in ((False, 0), (True, 1)):
        encoded = POETCodec(empty_class=empty_class).encode(
            keypoints, np.zeros_like(visible), (64, 48)
        )
        assert encoded['labels'].tolist() == [label]
        for name in ('centers', 'offsets', 'visibility', 'keypoint_weights'):
            assert not encoded[name].any()


def test_says_once_if_nothing_is_supervised(monkeypatch):
    said = []
    monkeypatch.setattr(
        'poet_mm.codecs.poet_codec.print_log',
        lambda text, **kwargs: said.append(text),
    )
    keypoints, visible = random_people(60)
    codec = POETCodec()
    for _ in range(4):
        codec.encode(keypoints, np.minimum(visible, 1), (64, 48))
    assert len(said) == 1
    assert 'first 120 people' in said[0]
    seen = POETCodec()
    seen.encode(keypoints, visible, (64, 48))
    for _ in range(4):
        seen.encode(keypoints, np.minimum(visible, 1), (64, 48))
    assert len(said) == 1


def test_unknown_supervision():
    with pytest.raises(ValueError, match="'labelled', 'visible'"):
        POETCodec('all')


def test_scales():
    codec = POETCodec()
    keypoints, visible = random_people(3)
    encoded = codec.encode(
        keypoints,
        visible,
        (50, 80),
        iscrowd=[0, 1, 0],
        area=[100.0, 5.0, 400.0],
    )
    np.testing.assert_allclose(encoded['scales'], [[8, 5], [4, 2.5]])
    empty = codec.encode(keypoints[:0], visible[:0], (50, 80), area=[])
    assert empty['scales'].shape == (0, 2)
    assert 'scales' not in codec.encode(keypoints, visible, (50, 80))
    flat = codec.encode(keypoints, visible, (50, 80), area=[0, 0, 0])
    assert np.isfinite(flat['scales']).all()
