"""Layouts of COCO, Roboflow and CVAT are found; what is missing is named."""

import json
import shutil
from argparse import Namespace
from pathlib import Path

import pytest

from poet_mm.errors import UserError
from poet_mm.utils.layouts import coco_splits, read_splits

NO_FILES = dict.fromkeys(
    ('data_root', 'train_ann', 'val_ann', 'train_images', 'val_images')
)
BOTH = ('train', 'val')


def write_split(ann_file, images):
    """An annotation file of one person in one image."""
    ann_file.parent.mkdir(parents=True, exist_ok=True)
    images.mkdir(parents=True, exist_ok=True)
    (images / 'a.png').touch()
    person = dict(id=1, image_id=1, keypoints=[1, 1, 2], bbox=[0, 0, 2, 2])
    content = dict(images=[dict(id=1, file_name='a.png')])
    content.update(annotations=[dict(person, category_id=1)])
    ann_file.write_text(json.dumps(content))
    return str(ann_file)


def find(needed=BOTH, **files):
    splits = read_splits(Namespace(**{**NO_FILES, **files}), needed)
    return {name: split[:2] for name, split in splits.items()}


@pytest.mark.parametrize('valid', ['val', 'valid'])
@pytest.mark.parametrize('test', [True, False])
def test_roboflow(tmp_path, valid, test):
    names = dict(
        train='train', val=valid, **(dict(test='test') if test else {})
    )
    expected = {}
    for split, name in names.items():
        folder = tmp_path / name
        ann_file = write_split(folder / '_annotations.coco.json', folder)
        expected[split] = (ann_file, str(folder))
    assert find(data_root=str(tmp_path)) == expected


@pytest.mark.parametrize('names', [('train', 'val'), ('Train', 'Validation')])
@pytest.mark.parametrize('flat', [True, False])
def test_cvat(tmp_path, names, flat):
    expected = {}
    for split, name in zip(BOTH, names):
        folder = tmp_path / 'images' / ('' if flat else name)
        ann_file = tmp_path / 'annotations' / f'person_keypoints_{name}.json'
        expected[split] = (write_split(ann_file, folder), str(folder))
    assert find(data_root=str(tmp_path)) == expected


def test_some_images_are_missing(tmp_path):
    """The check lists them; the folder is the one with most of the first."""
    for split in BOTH:
        folder = tmp_path / split
        path = write_split(folder / '_annotations.coco.json', folder)
    content = json.loads(Path(path).read_text())
    content['images'].insert(0, dict(id=2, file_name='missing.png'))
    Path(path).write_text(json.dumps(content))
    assert find(data_root=str(tmp_path))['val'] == (path, str(folder))
    content['images'].append(dict(id=3, file_name='b.png'))
    Path(path).write_text(json.dumps(content))
    (folder / 'images').mkdir()
    for name in ('a.png', 'b.png'):
        (folder / 'images' / name).touch()
    found = find(data_root=str(tmp_path))['val']
    assert found == (path, str(folder / 'images'))


def test_coco_is_left_to_the_config(tmp_path):
    for split in BOTH:
        write_split(
            tmp_path / f'annotations/person_keypoints_{split}2017.json',
            tmp_path / f'{split}2017',
        )
    (tmp_path / 'images').mkdir()  # which CVAT has
    assert find(data_root=str(tmp_path)) == {}
    assert coco_splits(str(tmp_path))['val'].images.endswith('val2017')


def test_one_subset_says_how_to_split(tmp_path):
    ann_file = tmp_path / 'annotations' / 'person_keypoints_default.json'
    write_split(ann_file, tmp_path / 'images' / 'default')
    with pytest.raises(UserError, match=r'default, but none for train'):
        find(data_root=str(tmp_path))
    shutil.copy(ann_file, ann_file.with_name('person_keypoints_train.json'))
    shutil.copy(ann_file, ann_file.with_name('person_keypoints_train2.json'))
    with pytest.raises(UserError, match='two subsets for train'):
        find(data_root=str(tmp_path))


@pytest.mark.parametrize(
    'place', ['', 'images', '../images', '../images/mine', '../mine', 'mine']
)
def test_images_near_the_annotations(tmp_path, place):
    images = tmp_path / 'a' / place
    name = 'person_keypoints_mine.json'
    write_split(tmp_path / 'a' / name, images)
    found = find(['val'], val_ann=str(tmp_path / 'a' / name))
    ann_file, folder = found['val']
    assert images.samefile(folder)
    (images / 'a.png').rename(tmp_path / 'a.png')
    with pytest.raises(UserError, match=r'a\.png.*--val-images'):
        find(['val'], val_ann=ann_file)
    found = find(['val'], val_ann=ann_file, val_images=str(tmp_path))
    assert found['val'] == (ann_file, str(tmp_path))


def test_files_replace_those_of_the_folder(tmp_path):
    for name in ('train', 'valid', 'test'):
        write_split(
            tmp_path / name / '_annotations.coco.json', tmp_path / name
        )
    other = write_split(tmp_path / 'other.json', tmp_path)
    found = find(data_root=str(tmp_path), val_ann=other)
    assert found.keys() == {'train', 'val'}
    assert found['val'] == (other, str(tmp_path))


def test_files_stand_for_a_missing_subset(tmp_path):
    ann_file = tmp_path / 'annotations' / 'person_keypoints_default.json'
    write_split(ann_file, tmp_path / 'images' / 'default')
    with pytest.raises(UserError, match=r'default, but none for train'):
        find([], data_root=str(tmp_path))
    other = write_split(tmp_path / 'other.json', tmp_path)
    files = dict(train_ann=str(ann_file), val_ann=other)
    found = find(data_root=str(tmp_path), **files)
    assert {name: split[0] for name, split in found.items()} == dict(
        train=str(ann_file), val=other
    )


def test_a_test_part_is_enough_to_test(tmp_path):
    for name in ('train', 'test'):
        write_split(
            tmp_path / name / '_annotations.coco.json', tmp_path / name
        )
    assert find(['val'], data_root=str(tmp_path)).keys() == {'train', 'test'}
    with pytest.raises(UserError, match='none for val'):
        find(data_root=str(tmp_path))


def test_missing_files(tmp_path):
    ann_file = write_split(tmp_path / 'ann.json', tmp_path)
    with pytest.raises(UserError, match='--val-ann'):
        find(train_ann=ann_file)
    assert find(['train'], train_ann=ann_file).keys() == {'train'}
    with pytest.raises(UserError, match=r'none\.json'):
        find(train_ann='none.json')
    with pytest.raises(UserError, match='--val-ann'):
        find(val_images=str(tmp_path))
    with pytest.raises(UserError, match='has no folder ann'):
        find(data_root=str(tmp_path))
    (tmp_path / 'data.yaml').touch()
    with pytest.raises(UserError, match='YOLO'):
        find(data_root=str(tmp_path))
    with pytest.raises(UserError, match='does not exist'):
        find(data_root=str(tmp_path / 'none'))
