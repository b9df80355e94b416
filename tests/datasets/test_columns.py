"""Columns hold numbers only; a value of any other type is found."""

from faulty_data import NAN, find, make_content, spoil


def test_values_of_any_type_are_told_apart(tmp_path):
    """A value that is no number is found in any field."""
    content = make_content()
    for key in (
        'id',
        'image_id',
        'bbox',
        'area',
        'keypoints',
        'iscrowd',
        'category_id',
    ):
        for value in (
            None,
            'a',
            NAN,
            [],
            {},
            [[1]],
            10**400,
            ['1'] * 4,
            ['1'] * 9,
        ):
            found = find(
                tmp_path, spoil(content, 'annotations', 2, **{key: value})
            )
            allowed = isinstance(value, int) and key == 'id'
            assert allowed or any(f.wrong for f in found.values()), (
                key,
                value,
            )
