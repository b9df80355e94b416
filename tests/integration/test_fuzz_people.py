"""Random people through codec and transforms."""

import copy

import numpy as np
from faulty_data import NAN
from fuzz import K, assert_targets, cases, seeds
from hypothesis import given
from hypothesis import strategies as st
from mmcv.transforms import Compose

from poet_mm.codecs.poet_codec import POETCodec

extents = st.one_of(st.integers(1, 5), st.integers(1, 5000))
PLACES = ('inside', 'border', 'near', 'far', 'broken')
PACK = [
    dict(type='GenerateTarget', encoder=dict(type='POETCodec')),
    dict(type='PackBottomupInputs'),
]


def draw_joints(rng, N, num_keypoints, size, places):
    """Joints (N, K, 2) of images (w, h), of each kind that is named."""
    kind = rng.choice(places, (N, num_keypoints, 2))
    inside = rng.random((N, num_keypoints, 2)) * size
    values = dict(
        inside=inside,
        border=np.where(rng.random(kind.shape) < 0.5, 0, size),
        near=(3 * inside - np.asarray(size)),
        far=rng.choice([-1, 1], kind.shape)
        * 10.0 ** rng.uniform(4, 30, kind.shape),
        broken=rng.choice([NAN, np.inf, -np.inf], kind.shape),
    )
    return np.select(
        [kind == name for name in places], [values[name] for name in places]
    ).astype(np.float32)


@cases(200)
@given(
    seed=seeds,
    N=st.integers(0, 5),
    num_keypoints=st.integers(1, 20),
    size=st.tuples(extents, extents),
    places=st.sets(st.sampled_from(PLACES), min_size=1),
    supervise=st.sampled_from(['visible', 'labelled']),
    empty_class=st.booleans(),
)
def test_codec(seed, N, num_keypoints, size, places, supervise, empty_class):
    """Targets are finite and in range, and decode to the joints learned."""
    rng = np.random.default_rng(seed)
    joints = draw_joints(rng, N, num_keypoints, size, sorted(places))
    v = rng.integers(0, 3, (N, num_keypoints)).astype(np.float32)
    crowd = rng.random(N) < 0.2
    area = 10.0 ** rng.uniform(-30, 30, N) * (rng.random(N) < 0.9)
    codec = POETCodec(supervise, empty_class)
    shape = size[::-1]
    before = joints.copy(), v.copy()
    encoded = codec.encode(joints, v, shape, iscrowd=crowd, area=area)
    np.testing.assert_array_equal(joints, before[0])
    np.testing.assert_array_equal(v, before[1])

    joints, v = joints[~crowd], v[~crowd]
    assert_targets(encoded, len(joints), num_keypoints, empty_class)
    learned = np.zeros(v.shape, dtype=bool)
    for n, person in enumerate(joints.tolist()):
        for k, (x, y) in enumerate(person):
            inside = 0 <= x <= size[0] and 0 <= y <= size[1]
            learned[n, k] = inside and v[n, k] >= codec.lowest_supervised
    np.testing.assert_array_equal(encoded['keypoint_weights'], learned)
    decoded, visibility = codec.decode(encoded, shape)
    np.testing.assert_allclose(
        decoded[learned], joints[learned], atol=1e-6 * max(size), rtol=1e-6
    )
    assert not visibility[v < 2].any()


geometry = st.one_of(
    st.builds(
        dict,
        type=st.just('RandomRotation'),
        prob=st.just(1.0),
        max_degrees=st.sampled_from([0, 25, 180]),
    ),
    st.builds(
        dict,
        type=st.just('RandomAffine'),
        size=st.tuples(st.integers(8, 60), st.integers(8, 60)),
        scale=st.sampled_from([(0.75, 1.5), (0.2, 0.2), (5, 5)]),
    ),
    st.builds(
        lambda a, b: dict(
            type='RandomSizeCrop', min_size=min(a, b), max_size=max(a, b)
        ),
        st.integers(1, 50),
        st.integers(1, 50),
    ),
    st.builds(
        dict,
        type=st.just('ShortEdgeResize'),
        short_edges=st.integers(1, 60),
        max_size=st.sampled_from([None, 40, 80]),
    ),
)
pipelines = st.tuples(
    st.floats(0, 1),
    st.booleans(),
    st.lists(geometry, max_size=4),
    st.floats(0, 1),
)


def make_pipeline(drawn):
    """A training pipeline without loading: flip, moves, holes."""
    flip, once, moves, dropout = drawn
    moves = [dict(type='WarpOnce', transforms=moves)] if once else moves
    return [
        dict(type='RandomFlip', prob=flip),
        *moves,
        dict(type='CoarseDropout', prob=dropout),
    ]


def draw_sample(rng, N, size, places):
    """What the data set and loading give, of people of any kind."""
    w, h = size
    corners = np.sort(rng.random((2, N, 2)) * size, axis=0)
    ids = list(range(N))
    return dict(
        img=rng.integers(0, 256, (h, w, 3), np.uint8),
        img_shape=(h, w),
        ori_shape=(h, w),
        img_path='1.jpg',
        img_id=1,
        keypoints=draw_joints(rng, N, K, size, places),
        keypoints_visible=rng.integers(0, 3, (N, K)).astype(np.float32),
        bbox=np.concatenate(
            [corners[0], corners[rng.integers(2)]], axis=1, dtype=np.float32
        ),
        bbox_score=np.ones(N, np.float32),
        area=rng.random(N).astype(np.float32) * w * h,
        iscrowd=(rng.random(N) < 0.2).astype(np.int64),
        num_keypoints=rng.integers(0, K + 1, N),
        id=ids,
        segmentation=[[[n]] for n in ids],
        raw_ann_info=[{} for _ in ids],
        flip_indices=[0, 2, 1],
    )


@cases(150)
@given(
    seed=seeds,
    N=st.integers(0, 4),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    places=st.sets(st.sampled_from(PLACES[:-1]), min_size=1),
    drawn=pipelines,
)
def test_transforms(seed, N, size, places, drawn):
    """Fields stay together; joints go where the matrix of pixels says."""
    rng = np.random.default_rng(seed)
    sample = draw_sample(rng, N, size, sorted(places))
    stored = copy.deepcopy(sample)
    np.random.seed(seed)
    out = Compose(make_pipeline(drawn))(dict(sample))
    for key, values in stored.items():
        np.testing.assert_equal(sample[key], values, err_msg=key)

    h, w = out['img_shape']
    assert out['img'].shape == (h, w, 3)
    assert out['img'].dtype == np.uint8
    kept = out['id']
    for key in (
        'keypoints',
        'keypoints_visible',
        'bbox',
        'area',
        'iscrowd',
        'bbox_score',
        'num_keypoints',
        'segmentation',
        'raw_ann_info',
    ):
        assert len(out[key]) == len(kept), key
    assert [polygon[0][0] for polygon in out['segmentation']] == kept
    assert_people(out, sample, kept, size)
    num_people = int((out['iscrowd'] == 0).sum())
    packed = Compose(PACK)(dict(out))
    assert packed['inputs'].shape == (3, h, w)
    labels = packed['data_samples'].gt_instance_labels
    assert_targets(labels, num_people, K)


def assert_people(out, sample, kept, size):
    """People of a pipeline's output against those that went in."""
    v, before = out['keypoints_visible'], sample['keypoints_visible'][kept]
    joints = sample['keypoints'][kept].astype(np.float64)
    if out['flip']:
        order = out['flip_indices']
        before, joints = before[:, order], joints[:, order].copy()
        joints[..., 0] = size[0] - 1 - joints[..., 0]
    assert ((v == 0) | (v == before)).all()
    matrix = out.get('warp_mat', np.eye(2, 3))
    expected = joints @ matrix[:, :2].T + matrix[:, 2]
    seen = v > 0
    if 'warp_mat' in out:  # else nothing has looked where joints lie
        h, w = out['img_shape']
        assert (out['keypoints'][seen] >= 0).all()
        assert (out['keypoints'][seen] <= (w, h)).all()
        assert np.isfinite(out['area']).all()
        assert (out['area'] >= 0).all()
        np.testing.assert_array_equal(out['num_keypoints'], seen.sum(axis=1))
        assert ((out['bbox'] >= 0) & (out['bbox'] <= (w, h, w, h))).all()
        np.testing.assert_allclose(
            out['keypoints'][seen],
            expected[seen],
            atol=2e-3 * max(w, h, 1),
            rtol=1e-4,
        )
