"""tools/check_dataset.py: report, exit code, nothing modified."""

import json
import os
import sys

import check_dataset as tool
import pytest
from faulty_data import METAINFO, find, make_content, spoil, write_data
from helpers import ROOT

from poet_mm.datasets.coco import BottomupCocoDataset


@pytest.mark.parametrize(
    'changes',
    [
        dict(images=[], annotations=[]),
        dict(annotations=[]),
        dict(annotations=[dict(id=1, image_id=1, category_id=1)]),
    ],
)
def test_file_without_people(tmp_path, changes, capsys):
    content = dict(make_content(), **changes)
    ann_file, _ = write_data(tmp_path, content)
    with pytest.raises(ValueError, match='none of them to use'):
        BottomupCocoDataset(ann_file=str(ann_file), metainfo=METAINFO)
    assert find(tmp_path, content)['no_people'].wrong
    assert run_tool(ann_file) == 1
    assert 'person_keypoints_*.json' in capsys.readouterr().out


@pytest.mark.parametrize(
    'content',
    [
        dict(images=[]),
        dict(images=[dict()], annotations=[dict()], categories=[dict()]),
        dict(images=[dict(id=[1])], annotations=[dict(id={}, image_id=[1])]),
    ],
)
def test_hardly_any_data(tmp_path, content):
    """It is drawn, and is wrong because training refuses it."""
    path = tmp_path / 'ann.json'
    path.write_text(json.dumps(content))
    assert run_tool(path, '--out', tmp_path / 'out') == 1
    assert (tmp_path / 'out' / 'dataset.png').stat().st_size > 5000


def run_tool(*args):
    """Exit code of the tool."""
    before, sys.argv = sys.argv, ['check_dataset.py', *map(str, args)]
    try:
        return tool.main()
    finally:
        sys.argv = before


@pytest.mark.slow
def test_tool_reports_and_modifies_nothing(tmp_path, capsys):
    content = spoil(make_content(), 'annotations', 3, area=-1, num_keypoints=9)
    ann_file, images = write_data(tmp_path / 'data', content)
    config = tmp_path / 'three.py'
    config.write_text(f'dataset_info = {METAINFO!r}')
    files = [ann_file, *images.iterdir()]
    before = [(os.stat(f).st_mtime_ns, f.read_bytes()) for f in files]
    args = (ann_file, '--images', images, '--config', config)

    assert run_tool(*args, '--decode', '--out', tmp_path / 'out') == 1
    text = capsys.readouterr().out
    assert 'WRONG: 1 of 8 annotations have an area' in text
    assert 'annotation 103 of image 2 (2.jpg): area is -1' in text
    assert '2 findings are wrong, 0 unusual' in text
    report = json.loads((tmp_path / 'out' / 'dataset.json').read_text())
    assert {f['name'] for f in report['findings']} == {
        'broken_area',
        'lying_num_keypoints',
    }
    assert report['summary']['people'] == 8
    for ending in ('png', 'pdf'):
        assert (tmp_path / 'out' / f'dataset.{ending}').stat().st_size > 5000
    assert [(os.stat(f).st_mtime_ns, f.read_bytes()) for f in files] == before
    assert len([*(tmp_path / 'data').rglob('*')]) == len(files) + 1

    ann_file.write_text(json.dumps(make_content()))
    assert run_tool(*args) == 0
    assert 'Nothing wrong or unusual.' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('a = (', 'SyntaxError'),
        ('_base_ = "none.py"', 'FileNotFoundError'),
        (
            'dataset_info = dict(dataset_name="a", sigmas=[])',
            'lacks keypoint_info, skeleton_info, joint_weights)',
        ),
        ('dataset_info = 5', 'TypeError'),
        ('train_dataloader = None', 'has no dataset_info'),
    ],
)
def test_wrong_configs_are_exit_code_two(tmp_path, capsys, text, said):
    ann_file, _ = write_data(tmp_path, make_content())
    config = tmp_path / 'wrong.py'
    config.write_text(text)
    assert run_tool(ann_file, '--config', config) == 2
    printed = capsys.readouterr().err
    assert str(config) in printed
    assert said in printed


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        (json.dumps(make_content())[:-100], 'not JSON'),
        ('[1, 2]', 'holds a list'),
        ('{"images": [1]}', "no list of dicts under 'images'"),
        ('{}', "no list of dicts under 'images'; it has nothing."),
        ('{"a": 1, "info": {}}', "under 'images'; it has a, info."),
        ('[' * 100000, 'not JSON'),
        (None, 'There is no file'),
    ],
)
def test_cannot_be_read_is_exit_code_two(tmp_path, capsys, text, said):
    path = tmp_path / 'cut.json'
    if text is not None:
        path.write_text(text)
    assert run_tool(path) == 2
    captured = capsys.readouterr()
    assert captured.out == ''
    assert 'cut.json' in captured.err
    assert said in captured.err


def test_folder_of_images_that_is_not_there(tmp_path, capsys):
    ann_file, _ = write_data(tmp_path, make_content())
    assert run_tool(ann_file, '--images', tmp_path / 'none') == 2
    assert 'There is no folder' in capsys.readouterr().err


@pytest.mark.slow
def test_files_of_the_options_of_training(tmp_path, capsys):
    """Both files of a folder, and one of them that is wrong."""
    content = make_content()
    for name in ('train', 'valid'):
        ann_file, images = write_data(tmp_path / name, content)
        ann_file.rename(images / '_annotations.coco.json')
        (tmp_path / 'data').mkdir(exist_ok=True)
        images.rename(tmp_path / 'data' / name)
    data = tmp_path / 'data'
    out = tmp_path / 'out'
    assert run_tool('--data-root', data, '--out', out) == 0
    text = capsys.readouterr().out
    assert text.count('keypoints  3 per person') == 2
    assert {path.name for path in out.iterdir()} == {'train', 'val'}
    wrong = spoil(content, 'annotations', 3, area=-1)
    val = data / 'valid' / '_annotations.coco.json'
    val.write_text(json.dumps(wrong))
    assert run_tool('--data-root', data) == 1
    assert run_tool('--train-ann', data / 'train/_annotations.coco.json') == 0
    (category,) = content['categories']
    names = category['keypoints'][::-1]
    other = spoil(content, 'categories', 0, keypoints=names)
    val.write_text(json.dumps(other))
    capsys.readouterr()
    assert run_tool('--data-root', data) == 1  # all findings, not only this
    text = capsys.readouterr().out
    assert 'another order' in text
    assert text.count('keypoints  3 per person') == 2
    metainfo = ROOT / 'configs/_base_/datasets/toy_five.py'
    assert run_tool('--data-root', data, '--metainfo', metainfo) == 1
    assert 'another number of keypoints' in capsys.readouterr().out


def test_which_files(tmp_path, capsys):
    with pytest.raises(SystemExit):
        run_tool()
    assert 'give FILE, or --data-root' in capsys.readouterr().err
    assert run_tool('--val-ann', tmp_path / 'none.json') == 2
    assert 'none.json' in capsys.readouterr().err
    path = tmp_path / 'labels.yaml'
    path.write_text('kpt_shape: [5, 3]')
    assert run_tool(path) == 2
    assert 'sio convert' in capsys.readouterr().err
