"""Pasted people bring all their fields, and hide what is below them."""

import copy
import json

import cv2
import numpy as np
import pytest
from drawn_transforms import many, seeds
from faulty_data import METAINFO
from hypothesis import given
from hypothesis import strategies as st
from mmengine.runner import Runner
from mmpose.registry import DATASETS

from poet_mm.datasets.samplers import BatchIndex
from poet_mm.datasets.transforms.affine import PERSON_KEYS
from poet_mm.datasets.transforms.heatmap_mask import draw_segmentations
from poet_mm.datasets.transforms.paste_people import (
    MOST_HIDDEN,
    SMALLEST,
    PastePeople,
    draw_group,
    fade_out,
    hide,
)

W, H = 240, 180


def person(x, y, v=(2, 1, 2), **changes):
    """Annotation with a box of 60 x 80 pixels at x, y and three keypoints."""
    places = np.array([[10, 10], [30, 40], [50, 70]]) + (x, y)
    return {
        'category_id': 1,
        'bbox': [x, y, 60, 80],
        'area': 3000.0,
        'iscrowd': 0,
        'keypoints': np.c_[places, v].ravel().tolist(),
        'segmentation': [],
        **changes,
    }


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Three images; blue is their number, green the row, red the column."""
    folder = tmp_path_factory.mktemp('images')
    for n in range(3):
        pixels = np.full((H, W, 3), n, np.uint8)
        pixels[..., 1], pixels[..., 2] = np.mgrid[:H, :W]
        cv2.imwrite(str(folder / f'{n}.png'), pixels)
    return folder


def make_cfg(folder, *people_of_images, faults='raise', **changes):
    """Data set of one list of annotations for each image."""
    count = range(len(people_of_images))
    people = [
        dict(ann, image_id=n) for n in count for ann in people_of_images[n]
    ]
    content = dict(
        images=[
            dict(id=n, file_name=f'{n}.png', width=W, height=H) for n in count
        ],
        annotations=[dict(id=n, **ann) for n, ann in enumerate(people)],
        categories=[dict(id=1, name='person', keypoints=['a', 'b', 'c'])],
    )
    (folder / 'ann.json').write_text(json.dumps(content))
    return dict(
        type='BottomupCocoDataset',
        data_root=str(folder),
        ann_file='ann.json',
        metainfo=METAINFO,
        images='all',
        serialize_data=False,  # which collects garbage for 0.5 s
        faults=faults,
        pipeline=[
            dict(type='LoadIntactImage'),
            dict(type='PastePeople', **changes),
        ],
    )


def make_dataset(*args, **kwargs):
    return DATASETS.build(make_cfg(*args, **kwargs))


def get(dataset, index=0, seed=0):
    np.random.seed(seed)
    return dataset[index]


def most_people(dataset):
    samples = (get(dataset, seed=seed) for seed in range(8))
    return max(samples, key=lambda sample: len(sample['id']))


def test_all_fields_move(folder):
    """To half the size, beside a person that cannot be pasted."""
    dataset = make_dataset(
        folder,
        [person(0, 0, v=(0, 0, 0))],
        [person(100, 60)],
        max_groups=1,
        scale=(0.5, 0.5),
    )
    sample = most_people(dataset)
    assert {len(sample[k]) for k in PERSON_KEYS if k in sample} == {2}
    x1, y1, x2, y2 = sample['bbox'][1]
    np.testing.assert_allclose([x2 - x1, y2 - y1], [30, 40], rtol=1e-4)
    moved = sample['keypoints'][1] - (x1, y1)
    np.testing.assert_allclose(moved, [[5, 5], [15, 20], [25, 35]], atol=1e-3)
    assert sample['keypoints_visible'].tolist() == [[0, 0, 0], [2, 1, 2]]
    assert sample['area'][1] == pytest.approx(750)
    assert sample['num_keypoints'].tolist() == [0, 3]
    assert sample['iscrowd'].tolist() == [0, 0]
    assert sample['bbox_score'].tolist() == [1, 1]
    assert sample['id'] == [ann['id'] for ann in sample['raw_ann_info']]
    assert sample['id'] == [0, 1]
    inside = draw_segmentations(sample['segmentation'][1:], (H, W)).nonzero()
    assert len(inside[0]) == pytest.approx(30 * 40, rel=0.1)
    middle = np.mean(inside, axis=1)[::-1] + 0.5
    np.testing.assert_allclose(middle, [x1 + 15, y1 + 20], atol=1)


def test_polygon_cuts_the_person_out(folder):
    below = [[100, 60, 160, 140, 100, 140]]  # the diagonal of the box
    dataset = make_dataset(
        folder,
        [],
        [person(100, 60, segmentation=below)],
        max_groups=1,
        scale=(1, 1),
    )
    sample = most_people(dataset)
    from_other = sample['img'][..., 0] == 1
    assert from_other.sum() == pytest.approx(60 * 80 / 2, rel=0.15)
    x1, y1, x2, y2 = sample['bbox'][0].astype(int)
    assert from_other[y2 - 5, x1 + 5]
    assert not from_other[y1 + 5, x2 - 5]


people = st.lists(
    st.builds(
        person,
        st.integers(0, W - 62),
        st.integers(0, H - 82),
        v=st.tuples(*[st.integers(0, 2)] * 3),
        iscrowd=st.sampled_from([0, 0, 0, 1]),
    ),
    max_size=3,
)


def with_rim(mask):
    return cv2.dilate(mask, np.ones((15, 15), np.uint8))


@many
@given(seeds, st.lists(people, min_size=1, max_size=3))
def test_labels_fit_the_pixels(folder, seed, images):
    dataset = make_dataset(folder, *images)
    before, after = dataset.get_data_info(0), get(dataset, seed=seed)
    N = len(before['id'])
    sizes = {len(after[key]) for key in PERSON_KEYS if key in after}
    assert sizes == {len(after['id'])}

    # the people who were there
    for key in ('id', 'keypoints', 'bbox', 'iscrowd', 'num_keypoints'):
        np.testing.assert_array_equal(after[key][:N], before[key])
    v, v_before = after['keypoints_visible'][:N], before['keypoints_visible']
    pasted = draw_segmentations(after['segmentation'][N:], (H, W))
    near = with_rim(pasted)
    x, y = before['keypoints'].astype(int).T
    np.testing.assert_array_equal(
        v[pasted[y, x].T > 0], v_before[pasted[y, x].T > 0].clip(max=1)
    )
    far = near[y, x].T == 0
    np.testing.assert_array_equal(v[far], v_before[far])
    assert (after['area'][:N] > 3000 * (1 - 2 * MOST_HIDDEN - 0.1)).all()
    untouched = cv2.imread(str(folder / '0.png'))
    np.testing.assert_array_equal(
        after['img'][near == 0], untouched[near == 0]
    )

    # the people who were pasted
    for n in range(N, len(after['id'])):
        ann = after['raw_ann_info'][n]
        w, h = after['bbox'][n, 2:] - after['bbox'][n, :2]
        assert w / 60 == pytest.approx(h / 80, abs=1e-3)
        assert (w * h) ** 0.5 > SMALLEST - 0.1
        assert after['area'][n] / (w * h) < 3000 / 4800 + 1e-3
        assert after['num_keypoints'][n] > after['iscrowd'][n] == 0
        later = draw_segmentations(after['segmentation'][n + 1 :], (H, W))
        x, y = after['keypoints'][n].astype(int).T
        visible = after['keypoints_visible'][n] == 2
        visible &= with_rim(later)[y, x] == 0
        x, y = after['keypoints'][n, visible].astype(int).T
        shown = after['img'][y, x, ::-1].astype(float)
        expected = np.reshape(ann['keypoints'], (3, 3))[visible, :2] - 0.5
        np.testing.assert_allclose(shown[:, :2], expected, atol=2)
        assert (shown[:, 2] == ann['image_id']).all()
    if len(after['id']) > N:  # nothing covers the last one
        assert after['area'][-1] / (w * h) == pytest.approx(3000 / 4800, 1e-3)


def test_people_below_are_hidden(folder):
    """A quarter of a person as large as the image, whatever the place."""
    large = person(0, 0, v=(2, 0, 0), bbox=[0, 0, W, H])
    large['keypoints'][:2] = [W / 2, H / 2]
    dataset = make_dataset(
        folder, [large], [person(100, 60)], max_groups=1, scale=(1.5, 1.5)
    )
    seen = set()
    for seed in range(20):
        sample = get(dataset, seed=seed)
        if len(sample['id']) == 2:
            assert sample['area'][0] == pytest.approx(3000 * 0.75, rel=0.03)
            pasted = draw_segmentations(sample['segmentation'][1:], (H, W))
            v = sample['keypoints_visible'][0, 0]
            assert v == 2 - pasted[H // 2, W // 2]
            seen.add(v)
    assert seen == {1, 2}


def people_at(*corners, v=2, iscrowd=0):
    """Sample of people of the data set, all keypoints alike."""
    corners = np.float32(corners).reshape(-1, 2)
    N = len(corners)
    return dict(
        width=1000,
        height=500,
        bbox=np.concatenate([corners, corners + (60, 80)], axis=1),
        keypoints_visible=np.full((N, 3), np.reshape(v, (-1, 1)), np.float32),
        iscrowd=np.full(N, iscrowd),
    )


def test_people_who_touch_come_together():
    """Boxes of a chain, less than 10 pixels apart, and one that is alone."""
    corners = (0, 0), (69, 0), (138, 0), (210, 0)
    drawn = {
        tuple(draw_group(people_at(*corners)).tolist()) for _ in range(50)
    }
    assert drawn == {(0, 1, 2), (3,)}
    labels = 2, 2, 0, 2  # the chain has someone without keypoints
    for _ in range(20):
        group = draw_group(people_at(*corners, v=labels)).tolist()
        assert group in ([], [3])
    assert not len(draw_group(people_at()))


def test_size_follows_the_image_and_has_limits():
    other = people_at((100, 100))
    results = dict(img_shape=(250, 500), bbox=np.zeros((0, 4), np.float32))

    def zoom(scale, results=results, other=other, group=(0,)):
        move = PastePeople(scale=scale).draw_move(other, [*group], results)
        return None if move is None else move[0, 0]

    assert zoom((1, 1)) == zoom((2, 2)) / 2 == 0.5  # half the longest side
    assert zoom((0.1, 0.1)) is None  # 3 pixels
    assert SMALLEST / 70 < zoom((0.1, 1)) < 0.5
    assert zoom((9, 9)) is None  # taller than the image
    assert zoom((1, 9)) < 250 / 80
    full = dict(results, bbox=np.float32([[0, 0, 20, 20]] * 2))
    full['img_shape'] = (20, 20)
    assert zoom((1, 50), full) is None
    assert zoom((1, 1), group=()) is None


def test_what_is_covered():
    covered = np.zeros((60, 50), bool)
    covered[20:40, 10:20] = True
    results = dict(
        keypoints=np.float32([[[15, 30], [9.9, 30], [10, 20.1]]] * 2),
        keypoints_visible=np.float32([[2, 2, 1], [0, 1, 2]]),
        bbox=np.float32([[0, 0, 20, 40], [30, 0, 50, 60]]),
        area=np.float32([400, 500]),
        invalid_segs=[[[0, 0, 20, 0, 20, 40, 0, 40]]],
    )
    hide(results, covered)
    assert results['keypoints_visible'].tolist() == [[1, 2, 1], [0, 1, 1]]
    assert results['area'].tolist() == [300, 500]  # 200 of 800, nothing
    masked = draw_segmentations(results['invalid_segs'], (60, 50)) > 0
    assert masked.sum() == 800 - 200
    assert not masked[covered].any()


def test_rim_fades_out():
    mask = np.zeros((40, 40), np.uint8)
    mask[10:30, 10:30] = 1
    weight = fade_out(mask, 8)
    assert (weight[mask > 0] > 1 - 1e-6).all()
    row = weight[20, 29:39]
    assert (np.diff(row) <= 0).all()
    assert row[4] == pytest.approx(0.5, abs=0.1)
    assert (weight[:, :2] == 0).all()


def test_without_people_and_with_one_image(folder):
    empty = get(make_dataset(folder, [], [], [person(0, 0, v=(0, 0, 0))]))
    assert empty['keypoints'].shape == (0, 3, 2)
    assert (empty['img'][..., 0] == 0).all()
    alone = make_dataset(folder, [person(0, 0, v=(2, 2, 2))])
    counts = {len(get(alone, seed=seed)['id']) for seed in range(20)}
    assert counts == {1, 2, 3}  # with none, one, two groups


def test_hidden_keypoints_out_of_the_box_are_not_labelled(folder):
    """What hides them there does not come along."""
    ann = person(100, 60)
    ann['keypoints'][3:6] = [90, 100, 1]
    dataset = make_dataset(folder, [], [ann])
    sample = most_people(dataset)
    assert sample['keypoints_visible'][-1].tolist() == [2, 0, 2]
    assert sample['num_keypoints'][-1] == 2


def test_damaged_images_are_counted_once(folder, tmp_path, log):
    for n in (0, 1):
        (tmp_path / f'{n}.png').write_bytes((folder / '0.png').read_bytes())
    (tmp_path / '2.png').write_bytes(b'')
    ones = [[person(100, 60)]] * 3
    dataset = make_dataset(tmp_path, *ones, faults='skip')
    for n in range(20):
        assert get(dataset, n % 3, n)['img_id'] != 2
    assert len(log) == 1
    assert '1 of 3 images so far' in log[0]


def test_numbers_follow_from_the_batch_and_the_seed(folder):
    dataset = make_dataset(folder, *[[person(30 * n, 60)] for n in range(3)])

    def digest(sample):
        return sample['img'].tobytes(), sample['keypoints'].tobytes()

    for seed in range(4):
        index = BatchIndex(1, seed)
        assert digest(get(dataset, index, 0)) == digest(get(dataset, index, 1))
        assert digest(get(dataset, 1, seed)) == digest(get(dataset, 1, seed))
    assert len({digest(get(dataset, 1, seed)) for seed in range(9)}) > 4


@pytest.mark.slow
def test_workers_paste_alike(folder):
    cfg = make_cfg(folder, *[[person(30 * n, 60)] for n in range(3)])
    cfg['pipeline'].append(dict(type='PackBottomupInputs'))
    loader_cfg = dict(
        batch_size=2,
        sampler=dict(type='DefaultSampler', shuffle=True),
        batch_sampler=dict(type='SimilarShapeBatchSampler'),
        dataset=cfg,
    )

    def epoch(num_workers):
        options = copy.deepcopy(loader_cfg)
        loader = Runner.build_dataloader(
            dict(options, num_workers=num_workers), seed=1
        )
        return [image for batch in loader for image in batch['inputs']]

    alone, two = epoch(0), epoch(2)
    assert len(alone) == len(two) == 3
    for a, b in zip(alone, two):
        np.testing.assert_array_equal(a, b)


def test_wrong_values_are_named():
    with pytest.raises(ValueError, match='max_groups is 0'):
        PastePeople(max_groups=0)
    with pytest.raises(ValueError, match=r'scale \(2, 1\)'):
        PastePeople(scale=(2, 1))
