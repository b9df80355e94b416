"""check_dataset.py: every fault is found, sound data have none."""
import json
import os
import sys

import check_dataset as tool
import cv2
import numpy as np
import pytest
from faulty_data import (
    FAULTS,
    METAINFO,
    NAMES,
    NAN,
    H,
    W,
    make_content,
    spoil,
    with_joint,
    write_data,
)
from helpers import ROOT
from PIL import Image

from poet_mm.datasets.coco import BottomupCocoDataset
from poet_mm.datasets.inspection.check import (
    Expected,
    check_dataset,
    read_expected,
)
from poet_mm.datasets.inspection.report import summarise
from poet_mm.errors import DataFault, UserError

EXPECTED = Expected(list(NAMES), num_queries=3)


def find(folder, content, images=False, expected=EXPECTED, **kwargs):
    """Findings by their names."""
    ann_file, image_folder = write_data(folder, content)
    _, findings = check_dataset(
        str(ann_file), str(image_folder) if images else None, expected,
        **kwargs)
    return {finding.name: finding for finding in findings}


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


@pytest.mark.parametrize('changes', [
    dict(images=[], annotations=[]),
    dict(annotations=[]),
    dict(annotations=[  # instances_*.json
        {key: value for key, value in ann.items() if 'keypoints' not in key}
        for ann in make_content()['annotations']
    ]),
])
def test_nobody_to_learn_from(tmp_path, changes, capsys):
    content = dict(make_content(), **changes)
    ann_file, _ = write_data(tmp_path, content)
    with pytest.raises(ValueError, match='none of them to use'):
        BottomupCocoDataset(ann_file=str(ann_file), metainfo=METAINFO)
    assert find(tmp_path, content)['nobody'].wrong
    assert run_tool(ann_file) == 1
    said = capsys.readouterr().out
    assert (f'WRONG: 0 of {len(content["annotations"])} annotations have a '
            'bbox and keypoints') in said
    assert 'person_keypoints_*.json' in said


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


def test_faults_of_image_files(tmp_path):
    content = make_content(9)
    _, images = write_data(tmp_path, content)
    content_bytes = (images / '2.jpg').read_bytes()

    def found(**kwargs):
        _, findings = check_dataset(
            str(tmp_path / 'ann.json'), str(images), EXPECTED, **kwargs)
        return {finding.name: finding for finding in findings}

    (images / '1.jpg').unlink()
    (images / '2.jpg').write_bytes(b'')
    (images / '3.jpg').write_bytes(content_bytes[:len(content_bytes) // 2])
    (images / '4.jpg').write_text('no image')
    cv2.imwrite(str(images / '5.jpg'), np.zeros((H, W + 1, 3), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new('RGB', (W, H)).save(images / '6.jpg', exif=exif)
    Image.new('RGB', (H, W)).save(images / '7.jpg', exif=exif)
    Image.new('RGB', (W, H)).save(images / '8.jpg', 'WEBP', exif=exif)
    wide = np.zeros((H, W), np.uint16)
    (images / '9.jpg').write_bytes(cv2.imencode('.png', wide)[1].tobytes())

    def who(finding):
        return [example.split()[0] for example in finding.examples]

    headers = found()
    assert who(headers['missing_images']) == ['1']
    assert who(headers['broken_images']) == ['2', '4']
    assert who(found(decode=True)['broken_images']) == ['2', '3', '4']
    assert who(headers['sizes_differ']) == ['5', '6']
    assert 'EXIF' in headers['sizes_differ'].examples[1]
    # turned when loaded, and told so; never turned when loaded
    assert who(headers['exif_orientation']) == ['7', '8']
    assert who(headers['wide_images']) == ['9']


def test_small_and_large_images(tmp_path):
    content = spoil(make_content(2), 'images', 0, width=40000, height=1)
    _, images = write_data(tmp_path, content)
    Image.new('RGB', (40000, 1)).save(images / '1.jpg')
    _, findings = check_dataset(
        str(tmp_path / 'ann.json'), str(images), EXPECTED)
    found = {finding.name for finding in findings}
    assert found >= {'huge_images', 'tiny_images'}


@pytest.mark.parametrize('decode', [False, True])
def test_images_above_the_limit_of_pil(tmp_path, monkeypatch, decode):
    """PIL refuses more than twice its limit; training does not."""
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 1000)
    assert W * H > 2 * Image.MAX_IMAGE_PIXELS
    assert not find(tmp_path, make_content(), images=True, decode=decode)
    assert Image.MAX_IMAGE_PIXELS == 1000


def test_summary_counts_what_is_there(tmp_path):
    content = spoil(make_content(), 'annotations', 0, iscrowd=1)
    content = spoil(content, 'annotations', 1, keypoints=[0] * 9,
                    num_keypoints=0)
    ann_file, _ = write_data(tmp_path, content)
    table, _ = check_dataset(str(ann_file), expected=EXPECTED)
    summary = summarise(table)
    assert summary['people'] == 7
    assert summary['crowds'] == 1
    assert summary['labelled_people'] == 6
    assert summary['joints'] == [3, 6, 12]
    assert summary['visible'].tolist() == [6, 6, 0]
    assert summary['hidden'].tolist() == [0, 0, 6]
    assert summary['people_per_image'].tolist() == [1, 2, 2, 2]


@pytest.mark.parametrize('content', [
    dict(images=[]),
    dict(images=[], annotations=[], categories=[]),
    dict(images=[dict(id=1, file_name='1.jpg')]),
    dict(images=[dict()], annotations=[dict()], categories=[dict()]),
    dict(images=[dict(id=[1])], annotations=[dict(id={}, image_id=[1])]),
])
def test_hardly_any_data(tmp_path, content):
    """Nothing to see is no reason to crash, nor to draw nothing; it is wrong,
    because training refuses it."""
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
    assert 'annotation 103 of image 2 (2.jpg): -1' in text
    assert '2 kinds of things are wrong, 0 unusual' in text
    report = json.loads((tmp_path / 'out' / 'dataset.json').read_text())
    assert {f['name'] for f in report['findings']} == {
        'broken_area', 'lying_num_keypoints'}
    assert report['summary']['people'] == 8
    for ending in ('png', 'pdf'):
        assert (tmp_path / 'out' / f'dataset.{ending}').stat().st_size > 5000
    assert [(os.stat(f).st_mtime_ns, f.read_bytes()) for f in files] == before
    assert {f.parent for f in (tmp_path / 'data').rglob('*')
            if f.is_file()} == {tmp_path / 'data', images}

    ann_file.write_text(json.dumps(make_content()))
    assert run_tool(*args) == 0
    assert 'Nothing wrong or unusual.' in capsys.readouterr().out


def test_config_tells_skeleton_and_queries():
    expected = read_expected(str(ROOT / 'configs' / 'poet_r18_toy.py'))
    assert expected.num_queries == 10
    assert len(expected.joint_names) == 17
    assert expected.joint_names[0] == 'nose'


def test_config_without_a_skeleton_is_named(tmp_path):
    (tmp_path / 'empty.py').write_text('a = 1')
    with pytest.raises(UserError, match=r'empty\.py has no dataset_info'):
        read_expected(str(tmp_path / 'empty.py'))


@pytest.mark.parametrize(('text', 'said'), [
    ('a = (', 'cannot be read as a config (SyntaxError: '),
    ('_base_ = "none.py"', 'cannot be read as a config (FileNotFoundError: '),
    ('dataset_info = dict(dataset_name="a", sigmas=[])',
     '(it lacks keypoint_info, skeleton_info, joint_weights). It needs '),
    (f'dataset_info = {dict(METAINFO, keypoint_info={0: dict()})!r}',
     "(KeyError: 'name')"),
    ('dataset_info = 5', 'cannot be used (TypeError: '),
    ('train_dataloader = None', 'has no dataset_info'),
])
def test_wrong_configs_are_exit_code_two(tmp_path, capsys, text, said):
    ann_file, _ = write_data(tmp_path, make_content())
    config = tmp_path / 'wrong.py'
    config.write_text(text)
    assert run_tool(ann_file, '--config', config) == 2
    printed = capsys.readouterr().err
    assert str(config) in printed
    assert said in printed


@pytest.mark.parametrize(('text', 'said'), [
    (json.dumps(make_content())[:-100], 'is no JSON'),
    ('', 'is no JSON'),
    ('[1, 2]', 'holds a list'),
    ('{"annotations": []}', "no list of dicts under 'images'"),
    ('{"images": [1]}', "no list of dicts under 'images'"),
    ('{}', "no list of dicts under 'images'; it has nothing."),
    ('{"a": 1, "info": {}}', "under 'images'; it has a, info."),
    ('[' * 100000, 'is no JSON'),
    (None, 'There is no file'),
])
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


def test_values_of_any_type_are_told_apart(tmp_path):
    """A value that is no number is found in any field."""
    content = make_content()
    for key in ('id', 'image_id', 'bbox', 'area', 'keypoints', 'iscrowd',
                'category_id'):
        for value in (None, 'a', NAN, [], {}, [[1]], 10**400):
            found = find(tmp_path, spoil(content, 'annotations', 2,
                                         **{key: value}))
            allowed = isinstance(value, int) and key == 'id'
            assert allowed or any(f.wrong for f in found.values()), (key,
                                                                     value)
