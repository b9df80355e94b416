"""tools/make_subset.py on synthetic people."""

import json

import pytest
from helpers import ROOT
from mmengine.config import Config
from tool_runs import run

from poet_mm.utils.config import set_data_root


def read(folder, part):
    path = folder / 'annotations' / f'person_keypoints_{part}2017.json'
    return json.loads(path.read_text())


def ids_of(content):
    return [image['id'] for image in content['images']]


@pytest.fixture
def coco(toy, tmp_path):
    """Synthetic people, all of a medium size."""
    content = read(toy, 'train')
    for ann in content['annotations']:
        ann['area'] = 32**2
    folder = tmp_path / 'coco'
    (folder / 'annotations').mkdir(parents=True)
    for part in ('train', 'val'):
        name = f'person_keypoints_{part}2017.json'
        (folder / 'annotations' / name).write_text(json.dumps(content))
        (folder / f'{part}2017').symlink_to(toy / 'train2017')
    return folder


@pytest.mark.slow
def test_first_images(coco, tmp_path):
    out = tmp_path / 'subset'
    run('make_subset.py', coco, out, '--images', 2)
    cfg = Config.fromfile(ROOT / 'configs' / 'poet_r50_overfit16_coco.py')
    set_data_root(cfg, str(out))
    subset = read(out, 'val')
    assert cfg.val_evaluator.ann_file.startswith(str(out))
    assert subset == read(out, 'train')
    assert len(subset['images']) == 2
    owners = [ann['image_id'] for ann in subset['annotations']]
    for image in subset['images']:
        assert owners.count(image['id']) >= 2
        assert (out / 'val2017' / image['file_name']).is_file()


@pytest.mark.slow
def test_ids(coco, tmp_path):
    whole = read(coco, 'val')
    first, second, third = ids_of(whole)[:3]
    ids = tmp_path / 'ids.json'
    ids.write_text(
        json.dumps(dict(split='val', train=[third, first], val=[second]))
    )
    out = tmp_path / 'subset'
    run('make_subset.py', coco, out, '--ids', ids)
    for part, expected in (('train', [third, first]), ('val', [second])):
        subset = read(out, part)
        assert ids_of(subset) == expected
        people = [a for a in whole['annotations'] if a['image_id'] in expected]
        assert sorted(a['id'] for a in subset['annotations']) == sorted(
            a['id'] for a in people
        )
        assert (out / f'{part}2017').resolve() == (coco / 'val2017').resolve()


@pytest.mark.slow
def test_errors_write_nothing(coco, tmp_path):
    (tmp_path / 'old' / 'annotations').mkdir(parents=True)
    broken, absent = tmp_path / 'broken.json', tmp_path / 'absent.json'
    broken.write_text('[]')
    absent.write_text('{"split": "val", "train": [7], "val": [8, -1]}')
    bare = tmp_path / 'bare'
    (bare / 'annotations').mkdir(parents=True)
    name = 'annotations/person_keypoints_train2017.json'
    (bare / name).symlink_to(coco / name)
    other = tmp_path / 'other'
    for args, said in (
        ((coco, tmp_path / 'old'), 'already holds a data set'),
        ((other, other), 'there is no'),
        ((coco, other, '--images', 99), 'of 99 images'),
        ((coco, other, '--ids', broken), 'broken.json is not a JSON file'),
        ((coco, other, '--ids', tmp_path / 'none'), 'There is no file'),
        ((coco, other, '--ids', absent), 'the first is -1'),
        ((bare, other, '--images', 1), 'are not in the folder'),
    ):
        assert said in run('make_subset.py', *args, check=False)
        assert not other.exists()


def test_real_images():
    """The 2,105 and 290 images of the results are different ones."""
    path = ROOT / 'docs' / 'results' / 'coco_mini.json'
    ids = json.loads(path.read_text())
    assert {len(ids['train']), len(ids['val'])} == {2105, 290}
    assert len({*ids['train'], *ids['val']}) == 2105 + 290
