"""Random cases, and the properties of every training target.

The same cases are drawn each time, so that a test fails for a change and not
by chance; ``POET_FUZZ=20 pytest tests/integration/test_fuzz_people.py`` draws
20 times as many new ones. Those that fail are kept in ``.hypothesis/`` and
tried first.
"""

import os

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from poet_mm.errors import DataFault

TIMES = int(os.environ.get('POET_FUZZ', 0))
seeds = st.integers(0, 2**32 - 1)
K = 3


def cases(number):
    """Settings for a number of examples, or POET_FUZZ times as many."""
    return settings(
        max_examples=number * max(TIMES, 1),
        deadline=None,
        derandomize=not TIMES,
        suppress_health_check=list(HealthCheck),
    )


def attempt(call, *args, kind=DataFault, **kwargs):
    """(result, None), or (None, message of the fault)."""
    try:
        return call(*args, **kwargs), None
    except kind as fault:
        return None, str(fault)


def assert_targets(labels, N, num_keypoints, empty_class=False):
    """Shapes and ranges of every training target."""
    shapes = dict(
        centers=(2,),
        offsets=(num_keypoints, 2),
        labels=(),
        visibility=(num_keypoints,),
        scales=(2,),
        keypoint_weights=(num_keypoints,),
    )
    for field, values in labels.items():
        values = np.asarray(values)
        assert values.shape == (N, *shapes[field]), field
        assert np.isfinite(values).all(), field
    weights = np.asarray(labels['keypoint_weights'])
    assert set(np.unique(weights)) <= {0, 1}
    assert set(np.unique(labels['visibility'])) <= {0, 1}
    centers, offsets = labels['centers'], np.asarray(labels['offsets'])
    assert ((np.asarray(centers) >= 0) & (np.asarray(centers) <= 1)).all()
    assert (np.abs(offsets) <= 1).all()
    assert not offsets[weights == 0].any()
    empty = (weights == 0).all(axis=1)
    np.testing.assert_array_equal(labels['labels'], empty * empty_class)
