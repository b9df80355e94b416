"""Every fault of annotations is found, sound data have none."""

import pytest
from faulty_data import (
    FAULTS,
    METAINFO,
    NAMES,
    W,
    faulty_joint,
    find,
    make_content,
    spoil,
    write_data,
)

from poet_mm.datasets.coco import BottomupCocoDataset
from poet_mm.datasets.inspection.check import Expected
from poet_mm.errors import DataFault


def test_sound_data_have_no_findings(tmp_path):
    assert not find(tmp_path, make_content(), images=True, decode=True)
    assert not find(tmp_path, make_content(), expected=None)


@pytest.mark.parametrize('name', FAULTS)
def test_what_stops_training_is_found(tmp_path, name):
    """The data set and the check agree, and name the same entry."""
    entries, changes = FAULTS[name]
    content = spoil(make_content(), entries, 0, **changes)
    ann_file, _ = write_data(tmp_path, content)
    with pytest.raises(DataFault) as raised:
        BottomupCocoDataset(ann_file=str(ann_file), metainfo=METAINFO)
    found = find(tmp_path, content)
    assert found[name].wrong
    assert found[name].count == 1
    entry = content[entries][0 if 'duplicate' not in name else 1]
    number = repr(entry['id']) if entries == 'images' else str(entry['id'])
    assert number in str(raised.value)
    assert str(entry['id']) in found[name].examples[0]
    assert found[name].fix


OTHER = dict(
    duplicate_file_names=(False, 'images', dict(file_name='2.jpg')),
    no_pose=(False, 'annotations', dict(keypoints=...)),
    no_bbox=(True, 'annotations', dict(bbox=...)),
    no_such_category=(True, 'annotations', dict(category_id=7)),
    several_categories=(False, 'annotations', dict(category_id=7)),
    empty_bbox=(True, 'annotations', dict(bbox=[5, 5, 0, 5])),
    bbox_beyond_image=(False, 'annotations', dict(bbox=[5, 5, 80, 30])),
    no_area=(False, 'annotations', dict(area=...)),
    broken_area=(True, 'annotations', dict(area=0)),
    area_above_box=(False, 'annotations', dict(area=5000)),
    lying_num_keypoints=(True, 'annotations', dict(num_keypoints=2)),
    no_num_keypoints=(False, 'annotations', dict(num_keypoints=...)),
    joints_outside=(False, *faulty_joint(0, [W + 5, 20, 2])),
    joints_at_origin=(False, *faulty_joint(0, [0, 0, 2])),
)


@pytest.mark.parametrize('name', OTHER)
def test_what_is_learned_wrong_or_unusual_is_found(tmp_path, name):
    wrong, entries, changes = OTHER[name]
    found = find(tmp_path, spoil(make_content(), entries, 0, **changes))
    assert found[name].wrong == wrong
    assert found[name].count == 1


def test_nothing_is_outside_of_an_image_without_a_size(tmp_path):
    content = spoil(make_content(), 'images', 0, width=-5, height=0)
    assert set(find(tmp_path, content)) == {'no_image_size'}


def each_person(content, **changes):
    for n in range(len(content['annotations'])):
        content = spoil(content, 'annotations', n, **changes)
    return content


def test_what_all_people_have_in_common(tmp_path):
    content = make_content()
    boxless = find(tmp_path, each_person(content, bbox=...))
    assert boxless['no_bbox'].count == 8
    assert 'no_people' not in boxless
    assert find(tmp_path, each_person(content, keypoints=...))['no_people']
    hidden = each_person(content, keypoints=[20, 20, 1] * 3)
    assert find(tmp_path, hidden)['nothing_visible'].wrong
    unlabelled = each_person(content, keypoints=[0] * 9, num_keypoints=0)
    assert find(tmp_path, unlabelled)['unlabelled_people'].count == 8
    handless = each_person(
        content, keypoints=[20, 20, 2] + [0] * 6, num_keypoints=1
    )
    missing = find(tmp_path, handless)['joints_never_labelled']
    assert missing.examples == [f'keypoint {k} ({NAMES[k]})' for k in (1, 2)]
    shares = each_person(
        content, keypoints=[0.5, 0.5, 2, 0.1, 0.9, 2, 1, 0, 2]
    )
    assert find(tmp_path, shares)['normalised_joints'].wrong


def test_more_people_than_queries(tmp_path):
    found = find(tmp_path, make_content(), expected=Expected(num_queries=1))
    crowded = found['more_people_than_queries']
    assert crowded.count == 4
    assert crowded.examples[0].endswith(': 2 people, 1 queries')
    content = spoil(make_content(), 'annotations', 0, iscrowd=1)
    found = find(tmp_path, content, expected=Expected(num_queries=1))
    assert found['more_people_than_queries'].count == 3


@pytest.mark.parametrize(
    ('names', 'wrong', 'text'),
    [
        (('nose', 'right_hand', 'left_hand'), True, 'another order'),
        (('nose', 'left_hand'), True, 'number'),
        (('nose', 'hand', 'foot'), False, 'another name'),
        (('Nose', 'left hand', 'RIGHT-HAND'), None, ''),
        (None, None, ''),
    ],
)
def test_skeleton_against_metainfo(tmp_path, names, wrong, text):
    content = spoil(
        make_content(),
        'categories',
        0,
        keypoints=... if names is None else list(names),
    )
    found = find(tmp_path, content)
    assert ('no_joint_names' in found) == (names is None)
    assert ('skeleton' in found) == (wrong is not None)
    if wrong is not None:
        assert found['skeleton'].wrong == wrong
        assert text in found['skeleton'].text


def test_keypoints_without_any_names(tmp_path):
    """Training needs names, of the file or of a metainfo."""
    content = spoil(make_content(), 'categories', 0, keypoints=...)
    assert find(tmp_path, content, expected=None)['unknown_joints'].wrong
    assert 'unknown_joints' not in find(tmp_path, content)
    numbers = [f'keypoint {k}' for k in range(3)]
    named = spoil(make_content(), 'categories', 0, keypoints=numbers)
    assert 'unknown_joints' not in find(tmp_path, named, expected=None)
    for ann in content['annotations']:
        ann['keypoints'] += [0, 0, 0] * (17 - len(ann['keypoints']) // 3)
    assert 'unknown_joints' not in find(tmp_path, content, expected=None)


def test_names_that_are_the_same_or_one_sided(tmp_path):
    content = make_content()
    category = content['categories'][0]
    category['keypoints'] = ['nose', 'left_hand', 'nose']
    found = find(tmp_path, content, expected=None)
    assert found['duplicate_joint_names'].wrong
    assert found['duplicate_joint_names'].count == 2
    (example,) = found['one_sided_joints'].examples
    assert 'left_hand' in example
    assert not found['one_sided_joints'].wrong
