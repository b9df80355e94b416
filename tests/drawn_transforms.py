"""Samples, and random pipelines of transforms."""

import copy

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from mmpose.registry import TRANSFORMS

K = 3
W, H = 160, 120

many = settings(max_examples=40, deadline=None)
seeds = st.integers(0, 2**32 - 1)

rotations = st.builds(
    dict,
    type=st.just('RandomRotation'),
    prob=st.just(1.0),
    max_degrees=st.floats(0, 180),
)
crops = st.builds(
    lambda low, more: {
        'type': 'RandomSizeCrop',
        'min_size': low,
        'max_size': low + more,
    },
    st.integers(1, 200),
    st.integers(0, 100),
)
resizes = st.builds(
    dict,
    type=st.just('ShortEdgeResize'),
    short_edges=st.lists(st.integers(50, 250), min_size=1, max_size=3),
    max_size=st.sampled_from([None, 200, 400]),
)
affines = st.builds(
    dict,
    type=st.just('RandomAffine'),
    size=st.tuples(st.integers(50, 250), st.integers(50, 250)),
    max_degrees=st.floats(0, 180),
    max_shift=st.floats(0, 0.5),
)
choices = st.builds(
    lambda a, b: {
        'type': 'RandomChoice',
        'prob': [0.5, 0.5],
        'transforms': [[a], [b, a]],
    },
    resizes,
    crops,
)
moves = st.lists(
    st.one_of(rotations, affines, crops, resizes, choices),
    min_size=1,
    max_size=4,
)
flat_moves = st.lists(
    st.one_of(crops, resizes, choices), min_size=1, max_size=4
)


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
    return {
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


def run(config, sample, seed=0):
    np.random.seed(seed)
    return TRANSFORMS.build(config)(copy.copy(sample))


def once(transforms):
    return {'type': 'WarpOnce', 'transforms': transforms}


RESIZE = {'type': 'ShortEdgeResize', 'short_edges': 200}
ROTATION = {'type': 'RandomRotation', 'prob': 1.0}
CROP = {'type': 'RandomSizeCrop', 'min_size': 50, 'max_size': 60}
