"""Findings about annotations: positions, visibility, crowding."""
from faulty_data import NAMES, find, make_content, spoil

from poet_mm.datasets.inspection.check import Expected


def test_nothing_is_outside_of_an_image_without_a_size(tmp_path):
    content = spoil(make_content(), 'images', 0, width=-5, height=0)
    assert set(find(tmp_path, content)) == {'no_image_size'}


def each_person(content, **changes):
    for n in range(len(content['annotations'])):
        content = spoil(content, 'annotations', n, **changes)
    return content


def test_what_all_people_have_in_common(tmp_path):
    content = make_content()
    hidden = each_person(content, keypoints=[20, 20, 1] * 3)
    assert find(tmp_path, hidden)['nothing_visible'].wrong
    nobody = each_person(content, keypoints=[0] * 9, num_keypoints=0)
    assert find(tmp_path, nobody)['unlabelled_people'].count == 8
    handless = each_person(content, keypoints=[20, 20, 2] + [0] * 6,
                           num_keypoints=1)
    missing = find(tmp_path, handless)['joints_never_labelled']
    assert missing.examples == list(NAMES[1:])
    shares = each_person(content, keypoints=[.5, .5, 2, .1, .9, 2, 1, 0, 2])
    assert find(tmp_path, shares)['normalised_joints'].wrong


def test_more_people_than_queries(tmp_path):
    found = find(tmp_path, make_content(), expected=Expected(num_queries=1))
    crowded = found['more_people_than_queries']
    assert crowded.count == 4
    assert 'to 2' in crowded.fix
    content = spoil(make_content(), 'annotations', 0, iscrowd=1)
    found = find(tmp_path, content, expected=Expected(num_queries=1))
    assert found['more_people_than_queries'].count == 3
