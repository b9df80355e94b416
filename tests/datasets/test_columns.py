"""Columns hold numbers only; a value of any other type is found."""

import pytest
from faulty_data import NAN, find, make_content, spoil

ODD = (None, 'a', NAN, [], {}, [[1]], 10**400, ['1'] * 4, ['1'] * 9)
KEYS = ('id', 'image_id', 'bbox', 'area', 'keypoints', 'iscrowd')


@pytest.mark.parametrize('key', [*KEYS, 'category_id'])
def test_values_of_any_type_are_found(tmp_path, key):
    for value in ODD:
        if key != 'id' or not isinstance(value, int):
            content = spoil(make_content(), 'annotations', 2, **{key: value})
            found = find(tmp_path, content).values()
            assert any(finding.wrong for finding in found), value
