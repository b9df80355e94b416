"""The annotations of the synthetic people describe their images.

Both are read back from the files, and compared by other means than the tool's.
"""

import hashlib

import cv2
import make_toy_coco as toy
import numpy as np
import pytest
from make_toy_coco import make_toy_coco
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from pycocotools.coco import COCO
from tool_runs import run

NUM_TRAIN, NUM_VAL, SIZE, CROWD_SIZE = 96, 24, 128, 256
TOOL = 'make_toy_coco.py'

crowd_scenes = pytest.mark.parametrize('folder', [True], indirect=True)
both_kinds = pytest.mark.parametrize('folder', [False, True], indirect=True)


@pytest.fixture(scope='module')
def folder(tmp_path_factory, request):
    """Of crowd scenes if the parameter is True."""
    crowd = getattr(request, 'param', False)
    out = tmp_path_factory.mktemp('toy')
    size = CROWD_SIZE if crowd else SIZE
    make_toy_coco(out, NUM_TRAIN, NUM_VAL, size, seed=0, crowd=crowd)
    return out


@pytest.fixture(scope='module')
def coco(folder):
    return load(folder, 'train2017')


@pytest.fixture(scope='module')
def people(coco):
    return coco.loadAnns(coco.getAnnIds(iscrowd=0))


def load(folder, split):
    return COCO(folder / 'annotations' / f'person_keypoints_{split}.json')


def joints_of(annotation):
    """(K, 2) coordinates and (K,) v."""
    keypoints = np.array(annotation['keypoints']).reshape(-1, 3)
    return keypoints[:, :2], keypoints[:, 2].astype(int)


def pixel(image, xy):
    column, row = np.floor(np.array(xy) + 0.5).astype(int)
    return image[row, column]


def read(folder, coco, image_id):
    file_name = coco.loadImgs(image_id)[0]['file_name']
    return cv2.imread(str(folder / 'train2017' / file_name))


def hashes(folder):
    files = [path for path in folder.rglob('*') if path.is_file()]
    return {
        str(path.relative_to(folder)): hashlib.sha256(
            path.read_bytes()
        ).digest()
        for path in files
    }


@pytest.mark.parametrize(
    ('split', 'num_images'), [('train2017', NUM_TRAIN), ('val2017', NUM_VAL)]
)
def test_a_split_is_a_coco_data_set(folder, split, num_images):
    coco = load(folder, split)
    assert len(coco.imgs) == num_images
    assert {'info', 'licenses', 'categories'} <= set(coco.dataset)
    for image in coco.imgs.values():
        pixels = cv2.imread(str(folder / split / image['file_name']))
        assert pixels.shape == (image['height'], image['width'], 3)
        assert len(coco.getAnnIds(image['id'], iscrowd=0)) <= 4
    ids = [a['id'] for a in coco.dataset['annotations']]
    assert len(set(ids)) == len(ids)


def test_category_is_cocos_person(coco):
    (person,) = coco.dataset['categories']
    cocos = parse_pose_metainfo(
        dict(from_file='configs/_base_/datasets/coco.py')
    )
    names = cocos['keypoint_id2name']
    assert person['name'] == 'person'
    assert person['keypoints'] == [names[k] for k in range(17)]
    links = [[a - 1, b - 1] for a, b in person['skeleton']]
    assert links == [list(link) for link in cocos['skeleton_links']]


def test_some_joints_of_the_same_people(folder, people, tmp_path):
    names = ['right_wrist', 'nose', 'right_elbow']
    make_toy_coco(tmp_path, 24, 0, SIZE, seed=0, joints=names)
    some = load(tmp_path, 'train2017')
    (category,) = some.dataset['categories']
    assert category['keypoints'] == names
    assert category['skeleton'] == [[3, 1]]
    found = some.loadAnns(some.getAnnIds(iscrowd=0))
    assert len(found) > 20
    for some_joints, person in zip(found, people):
        all_joints = np.array(person['keypoints']).reshape(-1, 3)
        rows = [toy.KEYPOINTS.index(name) for name in names]
        expected = all_joints[rows].ravel()
        assert some_joints['keypoints'] == expected.tolist()
        assert some_joints['num_keypoints'] == (expected[2::3] > 0).sum()
        assert some_joints['bbox'] == person['bbox']
    images, before = (
        hashes(tmp_path / 'train2017'),
        hashes(folder / 'train2017'),
    )
    assert images.items() <= before.items()


def test_every_kind_of_image_and_joint_occurs(coco, people):
    num_people = [
        len(coco.getAnnIds(image_id, iscrowd=0)) for image_id in coco.imgs
    ]
    assert set(num_people) == {0, 1, 2, 3, 4}
    assert 0.05 < np.mean(np.array(num_people) == 0) < 0.12
    visibility = np.concatenate([joints_of(a)[1] for a in people])
    assert set(visibility) == {0, 1, 2}
    assert np.mean(visibility == 1) > 0.03


@both_kinds
@pytest.mark.parametrize('split', ['train2017', 'val2017'])
def test_a_crowd_is_one_region_without_joints(folder, split):
    coco = load(folder, split)
    crowds = coco.loadAnns(coco.getAnnIds(iscrowd=1))
    assert crowds
    for crowd in crowds:
        assert crowd['num_keypoints'] == 0
        assert crowd['keypoints'] == [0] * 51
        assert isinstance(crowd['segmentation']['counts'], list)


@both_kinds
def test_region_area_and_bbox_agree(coco):
    for annotation in coco.dataset['annotations']:
        mask = coco.annToMask(annotation)
        rows, columns = np.nonzero(mask)
        image = coco.imgs[annotation['image_id']]
        assert mask.shape == (image['height'], image['width'])
        assert annotation['area'] == mask.sum() > 0
        assert annotation['bbox'] == [
            columns.min(),
            rows.min(),
            np.ptp(columns) + 1,
            np.ptp(rows) + 1,
        ]


@both_kinds
def test_joints_in_the_image_are_in_the_silhouette(coco, people):
    for person in people:
        joints, visibility = joints_of(person)
        mask = coco.annToMask(person)
        assert person['num_keypoints'] == (visibility > 0).sum() > 0
        assert (joints[visibility == 0] == 0).all()
        assert (joints >= 0).all()
        assert (joints <= len(mask) - 1).all()
        assert all(pixel(mask, xy) for xy in joints[visibility > 0])
        assert np.abs(joints * 10 - np.round(joints * 10)).max() < 1e-9


@both_kinds
def test_v_is_what_the_picture_shows(folder, coco):
    """A covered joint lies under a later person or an object; a joint that
    is seen lies under neither. The picture has what an object is: dull, as
    nothing else is that may cover a hip, a knee or an ankle."""
    dull_legs = []
    for image_id in coco.imgs:
        image = read(folder, coco, image_id).astype(int)
        people = coco.loadAnns(coco.getAnnIds(image_id, iscrowd=0))
        masks = [coco.annToMask(a) for a in people]
        for n, person in enumerate(people):
            for name, xy, v in zip(toy.KEYPOINTS, *joints_of(person)):
                if v == 0:
                    continue
                dull = np.ptp(pixel(image, xy)) < 40
                under = any(pixel(mask, xy) for mask in masks[n + 1 :])
                assert under or dull if v == 1 else not under
                if v == 2 and name.endswith(('hip', 'knee', 'ankle')):
                    dull_legs.append(dull)
    # Grey is also the smooth edge of a warm limb on a cold one.
    assert np.mean(dull_legs) < 0.01


@both_kinds
def test_everyone_faces_the_camera(people):
    """So a person's left is on the right of the picture."""
    left, right = (
        toy.KEYPOINTS.index(f'{side}_shoulder') for side in ('left', 'right')
    )
    for person in people:
        joints, visibility = joints_of(person)
        if visibility[left] and visibility[right]:
            assert joints[left, 0] > joints[right, 0]


@both_kinds
def test_left_is_warm_and_right_is_cold(folder, coco, people):
    """At the marks of wrists and ankles, whoever the person is."""
    redder = {'left': [], 'right': []}
    for person in people:
        image = read(folder, coco, person['image_id']).astype(int)
        for name, xy, v in zip(toy.KEYPOINTS, *joints_of(person)):
            side, _, joint = name.partition('_')
            if v == 2 and joint in ('wrist', 'ankle'):
                blue, _, red = pixel(image, xy)
                redder[side].append(red > blue)
    # A wrist may lie behind the person's own other limbs.
    assert np.mean(redder['left']) > 0.93
    assert np.mean(redder['right']) < 0.07


def test_sizes_of_people(people):
    heights = [a['bbox'][3] / SIZE for a in people if a['num_keypoints'] == 17]
    assert min(heights) > 0.2
    assert max(heights) > 0.8
    assert 0.4 < np.median(heights) < 0.8


@crowd_scenes
def test_crowd_scenes_have_none_to_twelve_people(coco):
    num_people = [
        len(coco.getAnnIds(image_id, iscrowd=0)) for image_id in coco.imgs
    ]
    assert set(num_people) == set(range(13))
    assert 0.05 < np.mean(np.array(num_people) == 0) < 0.12
    ids = [a['id'] for a in coco.dataset['annotations']]
    assert len(set(ids)) == len(ids)
    for image in coco.imgs.values():
        assert image['width'] == image['height'] == CROWD_SIZE


@crowd_scenes
def test_crowd_scenes_have_people_of_cocos_three_sizes(people):
    areas = [a['area'] for a in people if a['num_keypoints']]
    shares = np.histogram(areas, [0, 32**2, 96**2, np.inf])[0] / len(areas)
    assert (shares > (0.3, 0.3, 0.12)).all()
    heights = [a['bbox'][3] for a in people if a['num_keypoints'] == 17]
    assert min(heights) < 20
    assert max(heights) > 200


def hidden_shares(coco):
    """Shares of keypoints that people hide, and that objects hide."""
    hidden_by = []  # (by a person, by an object)
    for image_id in coco.imgs:
        people = coco.loadAnns(coco.getAnnIds(image_id, iscrowd=0))
        masks = [coco.annToMask(a) for a in people]
        for n, person in enumerate(people):
            for xy, v in zip(*joints_of(person)):
                under = v and any(pixel(mask, xy) for mask in masks[n + 1 :])
                hidden_by.append((v == 1 and under, v == 1 and not under))
    return np.mean(hidden_by, axis=0)


@crowd_scenes
def test_crowd_scenes_hide_more_keypoints(coco, tmp_path):
    make_toy_coco(tmp_path, NUM_TRAIN, 0, SIZE, seed=0)
    plain = load(tmp_path, 'train2017')
    assert (hidden_shares(coco) > 1.5 * hidden_shares(plain)).all()


@crowd_scenes
def test_a_taller_person_covers_a_smaller_one(coco):
    """Thighs, whose length is a fixed share of the height, are in order up to
    the rounding of their ends."""
    ends = [toy.KEYPOINTS.index(f'left_{part}') for part in ('hip', 'knee')]
    for image_id in coco.imgs:
        found = coco.loadAnns(coco.getAnnIds(image_id, iscrowd=0))
        thighs = [
            np.linalg.norm(np.subtract(*joints[ends]))
            for joints, visibility in map(joints_of, found)
            if visibility[ends].all()
        ]
        assert (np.diff(thighs) > -0.3).all()


def test_figures_of_a_crowd_are_smaller_than_people_of_crowd_scenes():
    assert max(toy.CROWD.crowd_heights) < min(map(min, toy.CROWD.heights))


def test_plain_scenes_are_those_of_the_first_version(folder):
    """Of pixels, as PNG files depend on OpenCV."""
    digest = hashlib.sha256()
    for split in ('train2017', 'val2017'):
        digest.update(
            (
                folder / f'annotations/person_keypoints_{split}.json'
            ).read_bytes()
        )
        for path in sorted((folder / split).iterdir()):
            digest.update(cv2.imread(str(path)).tobytes())
    assert digest.hexdigest() == (
        'c20f9004c267ab03393ef8948b338368613a3568137a03448cc08737b8d8c488'
    )


def test_the_default_size(folder, tmp_path):
    make_toy_coco(tmp_path / 'plain', 2, 0, None, seed=0)
    make_toy_coco(tmp_path / 'crowd', 2, 0, None, seed=0, crowd=True)
    images = hashes(tmp_path / 'plain' / 'train2017')
    assert images.items() <= hashes(folder / 'train2017').items()
    image = cv2.imread(str(tmp_path / 'crowd/train2017/000000000001.png'))
    assert image.shape == (CROWD_SIZE, CROWD_SIZE, 3)


@both_kinds
def test_a_file_depends_on_the_seed_only(folder, coco, tmp_path):
    """Not on the number of images."""
    size = coco.dataset['images'][0]['width']
    crowd = size == CROWD_SIZE
    make_toy_coco(tmp_path / 'few', 5, 4, size, seed=0, crowd=crowd)
    make_toy_coco(tmp_path / 'other', 5, 4, size, seed=1, crowd=crowd)
    first = hashes(folder)
    assert len(set(first.values())) == len(first)  # train and val differ too
    for split in ('train2017', 'val2017'):
        few, other = (hashes(tmp_path / k / split) for k in ('few', 'other'))
        assert few.items() <= hashes(folder / split).items()
        assert not set(few.values()) & set(other.values())
    few = load(tmp_path / 'few', 'train2017')
    assert few.dataset['images'] == coco.dataset['images'][:5]
    assert few.dataset['annotations'] == coco.loadAnns(
        coco.getAnnIds(list(few.imgs))
    )


@pytest.mark.parametrize('crowd', [False, True])
@pytest.mark.parametrize(('num_train', 'num_val'), [(0, 0), (1, 0), (24, 1)])
def test_tiny_splits(tmp_path, num_train, num_val, crowd):
    num_people = make_toy_coco(
        tmp_path, num_train, num_val, 32, seed=3, crowd=crowd
    )
    coco = load(tmp_path, 'train2017')
    assert len(coco.imgs) == num_train
    assert len(load(tmp_path, 'val2017').imgs) == num_val
    assert num_people >= len(coco.getAnnIds(iscrowd=0)) >= num_train
    for person in coco.loadAnns(coco.getAnnIds(iscrowd=0)):
        joints, visibility = joints_of(person)
        mask = coco.annToMask(person)
        assert all(pixel(mask, xy) for xy in joints[visibility > 0])


def test_writes_over_its_own_folder_but_no_other(tmp_path):
    make_toy_coco(tmp_path / 'toy', 1, 0, 32, seed=0)
    make_toy_coco(tmp_path / 'toy', 2, 0, 32, seed=1)
    assert len(load(tmp_path / 'toy', 'train2017').imgs) == 2
    home = tmp_path / 'home'
    (home / 'annotations').mkdir(parents=True)
    precious = home / 'annotations' / 'person_keypoints_train2017.json'
    precious.write_text('{}')
    with pytest.raises(ValueError, match='holds other files'):
        make_toy_coco(home, 1, 0, 32, seed=0)
    with pytest.raises(ValueError, match='got the file'):
        make_toy_coco(precious, 1, 0, 32, seed=0)
    assert list(home.rglob('*')) == [precious.parent, precious]
    assert precious.read_text() == '{}'


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        ({'num_train': -1}, 'train must be 0 or more, got -1'),
        ({'num_val': -2}, 'val must be 0 or more, got -2'),
        ({'size': 31}, 'size must be 32 or more, got 31'),
        ({'seed': -1}, 'seed must be 0 or more, got -1'),
        ({'joints': []}, r'got \(\)'),
        ({'joints': ['nose', 'tail']}, r"got \('tail',\)"),
        ({'joints': ['nose', 'nose']}, r"got \('nose', 'nose'\)"),
    ],
)
def test_wrong_arguments_are_named(tmp_path, wrong, message):
    arguments = {'num_train': 1, 'num_val': 1, 'size': 32, 'seed': 0}
    with pytest.raises(ValueError, match=message):
        make_toy_coco(tmp_path / 'toy', **{**arguments, **wrong})
    assert not (tmp_path / 'toy').exists()


@pytest.mark.slow
def test_command_line(tmp_path):
    output = run(TOOL, '--out', tmp_path / 'toy', '--train', 2, '--val', 1)
    assert '2 + 1 images' in output
    assert {path.name for path in (tmp_path / 'toy').iterdir()} == {
        'annotations',
        'train2017',
        'val2017',
    }
    refused = run(TOOL, '--out', tmp_path, check=False)
    assert len(refused.splitlines()) == 1


def test_joint_visibility_by_hand():
    labels = np.array([[1, 2, 0], [1, 255, 1]])
    x = [0, 1, 2, 1, 1.6, 2.1, -0.1, 0]
    y = [0, 0, 0, 1, 1, 0, 0, 1.1]
    v = toy.joint_visibility(np.stack([x, y], axis=1), labels, 1)
    assert v.tolist() == [2, 1, 1, 1, 2, 0, 0, 0]


@pytest.mark.parametrize(
    ('mask', 'counts'),
    [
        ([[0, 0], [0, 0]], [4]),
        ([[1, 1], [1, 1]], [0, 4]),
        ([[0, 1], [1, 0]], [1, 2, 1]),
        ([[1, 0], [0, 1]], [0, 1, 2, 1]),
    ],
)
def test_run_lengths_by_hand(mask, counts):
    assert toy.encode_mask(np.array(mask, np.uint8)) == {
        'size': [2, 2],
        'counts': counts,
    }


@pytest.mark.parametrize('near', ['left', 'right'])
def test_the_near_limbs_are_drawn_over_the_far_ones(near):
    """All points at one place but the head: the near side's mark is seen."""
    points = np.full((len(toy.POINTS), 2), 50.0)
    for k, name in enumerate(toy.POINTS):
        if name.endswith(('head', 'nose', 'eye', 'ear')):
            points[k] = 10
    palette = {s.colour: [0, 0, 0] for s in toy.STROKES[near]}
    palette[near] = [100, 100, 100]
    image = np.zeros((64, 64, 3), np.uint8)
    mask = toy.draw_figure(image, toy.Figure(points, 60.0, near), palette)
    assert (image[50, 50] == 160).all()
    assert mask[50, 50] == mask[10, 10] == 1
