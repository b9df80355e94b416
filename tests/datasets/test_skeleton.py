"""Metainfo from the categories of an annotation file, to train and edit."""

import copy
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmpose.datasets.datasets.utils import parse_pose_metainfo

from poet_mm.datasets import skeleton
from poet_mm.datasets.skeleton import (
    FLAT_SIGMA,
    choose_metainfo,
    make_metainfo,
    read_metainfo,
    write_metainfo,
)
from poet_mm.errors import UserError
from poet_mm.utils.annotation_files import FirstLook
from poet_mm.utils.config import COCO

MOUSE = dict(
    id=7,
    name='mouse',
    keypoints=['nose', 'ear_l', 'ear_r', 'tail'],
    skeleton=[[1, 2], [1, 3], [1, 4]],
)


@pytest.fixture
def warned(monkeypatch):
    """The warnings of the module."""
    texts = []
    monkeypatch.setattr(skeleton, 'warn', texts.append)
    return texts


@pytest.fixture(scope='module')
def coco():
    return parse_pose_metainfo(COCO)


def seen(*categories, num_keypoints=4, ann_file='ann.json'):
    return FirstLook(ann_file, ['a.png'], list(categories), num_keypoints)


def test_mouse(warned):
    info = parse_pose_metainfo(make_metainfo(MOUSE))
    assert info['dataset_name'] == 'mouse'
    assert [*info['keypoint_id2name'].values()] == MOUSE['keypoints']
    assert info['flip_indices'] == [0, 2, 1, 3]
    assert info['skeleton_links'] == [(0, 1), (0, 2), (0, 3)]
    assert info['sigmas'] == pytest.approx([FLAT_SIGMA] * 4)
    assert not warned


def test_coco_has_its_own_sigmas_and_links_in_any_order(coco, warned):
    names = [coco['keypoint_id2name'][k] for k in range(17)][::-1]
    titled = [name.replace('_', ' ').title() for name in names]
    info = parse_pose_metainfo(make_metainfo(dict(keypoints=titled)))
    assert info['sigmas'] == pytest.approx(coco['sigmas'][::-1])
    links = {
        frozenset(16 - k for k in link) for link in info['skeleton_links']
    }
    assert links == set(map(frozenset, coco['skeleton_links']))
    flip = [16 - k for k in info['flip_indices']][::-1]
    assert flip == coco['flip_indices']
    for others in (names[:-1], [*names, 'Nose']):
        info = make_metainfo(dict(keypoints=others))
        assert info['sigmas'] == [FLAT_SIGMA] * len(others)


def test_one_side_and_wrong_links_are_named(warned):
    category = dict(MOUSE, keypoints=['nose', 'ear_l', 'b', 'tail'])
    category['skeleton'] = [[0, 1], [4, 5], [1], 'x', [1, 2]]
    info = parse_pose_metainfo(make_metainfo(category))
    assert info['flip_indices'] == [0, 1, 2, 3]
    assert info['skeleton_links'] == [(0, 1)]
    assert 'ear_l' in warned[0]
    for link, text in zip(('[0, 1]', '[4, 5]', '[1]', 'x'), warned[1:]):
        assert link in text
    assert len(warned) == 5


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.text(st.characters(codec='utf-8'), max_size=8),
        min_size=1,
        max_size=6,
        unique=True,
    )
)
def test_any_names_are_read_as_they_are_written(tmp_path_factory, names):
    path = str(tmp_path_factory.mktemp('info') / 'metainfo.py')
    info = make_metainfo(dict(name=names[0], keypoints=names))
    write_metainfo(info, path, 'ann.json')
    again = read_metainfo(path)
    assert again == info
    assert parse_pose_metainfo(again)['num_keypoints'] == len(names)


def test_keypoints_of_the_config_stay(coco, tmp_path, warned):
    names = [coco['keypoint_id2name'][k] for k in range(17)]
    category = dict(name='person', keypoints=[n.upper() for n in names])
    assert choose_metainfo([seen(category)], COCO, str(tmp_path)) is None
    assert not [*tmp_path.iterdir()]
    mine = make_metainfo(MOUSE)
    other = dict(MOUSE, keypoints=['n', 'e', 'f', 't'])
    assert choose_metainfo([seen(other)], mine, str(tmp_path)) is None
    assert len(warned) == 1  # other names, as many
    turned = dict(MOUSE, keypoints=MOUSE['keypoints'][::-1])
    info = choose_metainfo([seen(turned)], mine, str(tmp_path))
    assert info['keypoint_info'][0]['name'] == 'tail'


def test_names_of_the_config_in_another_order_keep_its_sigmas(tmp_path):
    current = make_metainfo(MOUSE)
    current['sigmas'] = [0.01, 0.02, 0.03, 0.04]
    turned = dict(MOUSE, keypoints=MOUSE['keypoints'][::-1], skeleton=[])
    info = choose_metainfo([seen(turned)], current, str(tmp_path))
    assert info['sigmas'] == [0.04, 0.03, 0.02, 0.01]
    assert len(info['skeleton_info']) == 3


def test_made_once_then_edited(tmp_path, warned):
    path = tmp_path / 'metainfo.py'
    looks = [seen(MOUSE), seen(MOUSE)]
    made = choose_metainfo(looks, COCO, str(tmp_path))
    assert '4 keypoints, 3 links' in warned[-1]
    assert made == read_metainfo(str(path))
    assert str(path) in warned[-1]
    assert 'ear_l/ear_r' in warned[-1]
    edited = path.read_text().replace('0.05, 0.05]', '0.05, 0.1]')
    edited = edited.replace("'nose'", "'snout'")
    path.write_text(edited)
    again = choose_metainfo(looks, COCO, str(tmp_path))
    assert again['sigmas'] == [0.05, 0.05, 0.05, 0.1]
    assert again['keypoint_info'][0]['name'] == 'snout'
    assert path.read_text() == edited
    assert 'snout' in warned[-1]  # other names are an edit


def test_metainfo_of_other_annotations(tmp_path, warned):
    """Another number of keypoints, and the same in another order."""
    choose_metainfo([seen(MOUSE)], COCO, str(tmp_path))
    turned = MOUSE['keypoints'][::-1]
    for names in (['nose', 'tail'], turned, ['snout', *turned[1:]]):
        other = dict(MOUSE, keypoints=names, skeleton=[])
        with pytest.raises(UserError, match=re.escape(f'annotations {names}')):
            choose_metainfo([seen(other)], COCO, str(tmp_path))


def test_only_the_first_process_writes(tmp_path, warned):
    folder = str(tmp_path)
    made = choose_metainfo([seen(MOUSE)], COCO, folder, write=False)
    assert not [*tmp_path.iterdir()]
    assert choose_metainfo([seen(MOUSE)], COCO, folder) == made


def test_several_categories(tmp_path, warned):
    rat = dict(MOUSE, id=8, name='rat')
    info = choose_metainfo([seen(MOUSE, rat)], COCO, str(tmp_path))
    assert len(info['keypoint_info']) == 4
    assert 'mouse, rat' in warned[0]
    rat['keypoints'] = ['nose']
    for looks in ([seen(MOUSE, rat)], [seen(MOUSE), seen(rat)]):
        with pytest.raises(UserError, match='one skeleton'):
            choose_metainfo(looks, COCO, str(tmp_path / 'other'))


def test_categories_that_cannot_be_used(tmp_path):
    folder = str(tmp_path)
    assert choose_metainfo([seen(num_keypoints=17)], COCO, folder) is None
    with pytest.raises(UserError, match=r'has 4 keypoints, .* 17'):
        choose_metainfo([seen()], COCO, folder)
    with pytest.raises(UserError, match=r'has 5 keypoints, .* 4'):
        choose_metainfo([seen(MOUSE, num_keypoints=5)], COCO, folder)
    twice = copy.deepcopy(MOUSE)
    twice['keypoints'][1] = 'nose'
    with pytest.raises(UserError, match='several keypoints named nose'):
        choose_metainfo([seen(twice)], COCO, folder)
    assert not [*tmp_path.iterdir()]


def test_metainfo_that_is_none(tmp_path):
    path = tmp_path / 'metainfo.py'
    path.write_text('a = 1')
    with pytest.raises(UserError, match='no dataset_info'):
        read_metainfo(str(path))
    path.write_text('dataset_info = dict(sigmas=[1])')
    with pytest.raises(UserError, match='it lacks dataset_name'):
        read_metainfo(str(path))
