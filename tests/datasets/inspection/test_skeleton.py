"""Keypoint names of the file against those of the config."""
import pytest
from faulty_data import find, make_content, spoil


@pytest.mark.parametrize(('names', 'wrong', 'text'), [
    (('nose', 'right_hand', 'left_hand'), True, 'another order'),
    (('nose', 'left_hand'), True, 'number'),
    (('nose', 'hand', 'foot'), False, 'another name'),
    (('Nose', 'left hand', 'RIGHT-HAND'), None, ''),
    (None, None, ''),
])
def test_skeleton_against_metainfo(tmp_path, names, wrong, text):
    content = spoil(make_content(), 'categories', 0,
                    keypoints=... if names is None else list(names))
    found = find(tmp_path, content)
    assert ('no_joint_names' in found) == (names is None)
    assert ('skeleton' in found) == (wrong is not None)
    if wrong is not None:
        assert found['skeleton'].wrong == wrong
        assert text in found['skeleton'].text
