"""Every fault of annotations is found, sound data have none."""
import pytest
from faulty_data import (
    FAULTS,
    METAINFO,
    W,
    find,
    make_content,
    spoil,
    with_joint,
    write_data,
)
from helpers import ROOT

from poet_mm.datasets.coco import BottomupCocoDataset
from poet_mm.datasets.inspection.check import read_expected
from poet_mm.errors import DataFault, UserError


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
    no_such_category=(True, 'annotations', dict(category_id=7)),
    several_categories=(False, 'annotations', dict(category_id=7)),
    empty_bbox=(True, 'annotations', dict(bbox=[5, 5, 0, 5])),
    bbox_beyond_image=(False, 'annotations', dict(bbox=[5, 5, 80, 30])),
    no_area=(False, 'annotations', dict(area=...)),
    broken_area=(True, 'annotations', dict(area=0)),
    area_above_box=(False, 'annotations', dict(area=5000)),
    lying_num_keypoints=(True, 'annotations', dict(num_keypoints=2)),
    no_num_keypoints=(False, 'annotations', dict(num_keypoints=...)),
    joints_outside=(False, 'annotations',
                    dict(keypoints=with_joint(0, [W + 5, 20, 2]))),
    joints_at_origin=(False, 'annotations',
                      dict(keypoints=with_joint(0, [0, 0, 2]))))


@pytest.mark.parametrize('name', OTHER)
def test_what_is_learned_wrong_or_unusual_is_found(tmp_path, name):
    wrong, entries, changes = OTHER[name]
    found = find(tmp_path, spoil(make_content(), entries, 0, **changes))
    assert found[name].wrong == wrong
    assert found[name].count == 1


def test_config_tells_skeleton_and_queries():
    expected = read_expected(str(ROOT / 'configs' / 'poet_r18_toy.py'))
    assert expected.num_queries == 10
    assert len(expected.joint_names) == 17
    assert expected.joint_names[0] == 'nose'


def test_config_without_a_skeleton_is_named(tmp_path):
    (tmp_path / 'empty.py').write_text('a = 1')
    with pytest.raises(UserError, match=r'empty\.py has no dataset_info'):
        read_expected(str(tmp_path / 'empty.py'))
