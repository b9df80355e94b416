"""Random and damaged annotations and images through data set and loading."""

import copy
import json
import warnings

import cv2
import numpy as np
import pytest
from faulty_data import METAINFO, NAN, make_content
from fuzz import K, assert_targets, attempt, cases, seeds
from helpers import ROOT
from hypothesis import example, given
from hypothesis import strategies as st
from mmcv.transforms import Compose
from mmengine.config import Config

from poet_mm.datasets.coco import BottomupCocoDataset
from poet_mm.datasets.inspection.check import Expected, check_dataset
from poet_mm.datasets.inspection.report import summarise
from poet_mm.datasets.transforms.loading import LoadIntactImage

SCALARS = [None, True, 'a', '', 0, -1, 1, 2, 3, 0.5, 7, 99]
HUGE = [NAN, float('inf'), 1e6, 1e300, -1e300, 10**400]
LISTS = [[], {}, [[1]], [1, 2, 3], [5, 5, 1e9, 1e9], [NAN] * 4]
POSES = [[1, 1, 2], [0.0] * 3, [1e300, 1, 0], [1e300, 1, 2], [-3, 1, 2]]
NO_POSES = [[1] * 9, [None] * 9, ['a'] * 9, [[1, 1, 2]] * 3]
ODD = st.sampled_from(
    [*SCALARS, *HUGE, *LISTS, *(pose * 3 for pose in POSES), *NO_POSES, ...]
)
PERSON = 'id image_id category_id bbox area iscrowd num_keypoints keypoints'
KEYS = dict(
    images=('id', 'file_name', 'width', 'height'),
    annotations=(*PERSON.split(), 'segmentation'),
    categories=('id', 'name', 'keypoints'),
)
changes = st.sampled_from(sorted(KEYS)).flatmap(
    lambda entries: st.tuples(
        st.just(entries),
        st.integers(0, 5),
        st.sampled_from(KEYS[entries]),
        ODD,
    )
)
TRAIN = Config.fromfile(ROOT / 'configs' / 'poet_r18_toy.py').train_pipeline[
    1:
]
NAMES = st.sampled_from(['images', 'annotations', 'categories', 'id'])
VALUES = [st.none(), st.booleans(), st.integers(), st.floats()]
ANYTHING = st.recursive(
    st.one_of(*VALUES, st.text(max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)
    ),
    max_leaves=8,
)


def change(content, changes):
    """A content with other values; ``...`` removes one."""
    for entries, n, key, value in changes:
        entry = content[entries][n % len(content[entries])]
        if value is ...:
            entry.pop(key, None)
        else:
            entry[key] = value
    return content


def build(path, **kwargs):
    with warnings.catch_warnings():  # of float32 that 1e300 overflows
        warnings.simplefilter('ignore', RuntimeWarning)
        return BottomupCocoDataset(
            ann_file=str(path),
            metainfo=METAINFO,
            serialize_data=False,
            **kwargs,
        )


@pytest.fixture(scope='module')
def path(tmp_path_factory):
    return tmp_path_factory.mktemp('fuzz') / 'ann.json'


@cases(150)
@given(drawn=st.lists(changes, max_size=3), seed=seeds)
@example([('annotations', 0, 'keypoints', [1e300, 1, 0] * 3)], 0)
@example([('annotations', 0, 'area', -1)], 0)
def test_dataset(path, drawn, seed):
    """A file is used, or its fault named; never something in between."""
    content = change(make_content(3), copy.deepcopy(drawn))
    path.write_text(json.dumps(content))
    table, findings = check_dataset(
        str(path), expected=Expected(METAINFO_NAMES)
    )
    summarise(table)
    dataset, fault = attempt(build, path, images='all')
    if dataset is None:
        assert any(finding.wrong for finding in findings), fault
        assert len(fault) > 20
        dataset, fault = attempt(
            build, path, images='all', faults='skip', kind=ValueError
        )
        assert dataset or 'none of them to use' in fault
    for n in range(len(dataset or [])):
        assert_sample(dataset.get_data_info(n), content, seed)


METAINFO_NAMES = [info['name'] for info in METAINFO['keypoint_info'].values()]


def assert_sample(sample, content, seed):
    """A sample is as gather_people says, and goes through training."""
    N = len(sample['id'])
    assert sample['keypoints'].shape == (N, K, 2)
    assert set(np.unique(sample['keypoints_visible'])) <= {0, 1, 2}
    assert sample['bbox'].shape == (N, 4)
    for key in ('area', 'iscrowd', 'num_keypoints'):
        assert sample[key].shape == (N,)
    ids = {
        ann.get('id') if isinstance(ann.get('id'), int) else None
        for ann in content['annotations']
    }
    assert set(sample['id']) <= ids
    assert len(set(sample['id'])) == N
    w, h = sample.get('width', 9), sample.get('height', 9)
    if w * h > 1e5 or max(w, h) > 3e4:
        return
    image = np.zeros((int(h), int(w), 3), np.uint8)
    np.random.seed(seed % 2**32)
    with np.errstate(all='ignore'):
        packed = Compose(TRAIN)(
            dict(
                sample,
                img=image,
                img_shape=image.shape[:2],
                ori_shape=image.shape[:2],
            )
        )
    people = packed['data_samples'].gt_instances
    assert_targets(
        packed['data_samples'].gt_instance_labels,
        int((np.asarray(people.iscrowd) == 0).sum()),
        K,
    )


@cases(100)
@given(content=ANYTHING)
def test_any_json(path, content):
    """Whatever a file holds, its fault is named."""
    path.write_text(json.dumps(content))
    checked, fault = attempt(check_dataset, str(path))
    assert checked or 'ann.json' in fault
    dataset, fault = attempt(build, path, kind=ValueError)
    assert dataset or len(fault) > 20


FORMATS = ('.jpg', '.png', '.webp', '.bmp', '.tif', '.ppm')
IMAGE = cv2.GaussianBlur(
    np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8), (0, 0), 2
)
ENCODED = {ending: cv2.imencode(ending, IMAGE)[1] for ending in FORMATS}


@cases(150)
@given(
    ending=st.sampled_from(FORMATS),
    how=st.sampled_from(['cut', 'zeros', 'noise', 'flip']),
    share=st.floats(0, 1),
    seed=seeds,
)
def test_damaged_images(path, ending, how, share, seed):
    """An image of the right size and type, or a fault that names it."""
    rng = np.random.default_rng(seed)
    content = ENCODED[ending].copy()
    start = int(share * len(content))
    if how == 'cut':
        content = content[:start]
    elif how == 'zeros':
        content[start:] = 0
    elif how == 'noise':
        content[start : start + 20] = rng.integers(0, 256, 20)[
            : max(0, len(content) - start)
        ]
    else:
        content[rng.integers(0, len(content), 3)] ^= 1
    file = path.parent / 'image.any'
    file.write_bytes(content.tobytes())
    loaded, fault = attempt(
        LoadIntactImage(), dict(img_path=str(file), width=32, height=24)
    )
    if loaded is None:
        assert 'image.any' in fault
        return
    image = loaded['img']
    assert image.shape == (24, 32, 3)
    assert image.dtype == np.uint8
    # what was cut is never filled up with something
    assert how != 'cut' or np.array_equal(
        image, cv2.imdecode(ENCODED[ending], cv2.IMREAD_COLOR)
    )
