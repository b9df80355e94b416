"""Files of other formats are named, with the command that converts them."""

import json

import pytest

from poet_mm.errors import DataFault
from poet_mm.utils.annotation_files import look

PERSON = dict(id=1, image_id=1, category_id=3, bbox=[0, 0, 9, 9])
PERSON['keypoints'] = [1, 1, 2, 3, 3, 1]
IMAGE = dict(id=1, file_name='a.png', width=9, height=9)
NAMED = dict(id=3, name='mouse', keypoints=['nose', 'tail'])


def write(folder, content, name='ann.json'):
    path = folder / name
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize(
    ('name', 'content', 'words'),
    [
        ('a.txt', '0 0.5 0.5 0.1 0.1 0.4 0.4 2', 'YOLO.*--from ultralytics'),
        ('data.yaml', 'kpt_shape: [5, 3]', 'YOLO.*sio convert data.yaml'),
        ('via.json', {'a.png1': dict(regions=[])}, 'VIA'),
        ('via.json', {'_via_img_metadata': {}}, 'VIA'),
        ('via.csv', 'filename,region_shape_attributes\n', 'VIA'),
        ('a.slp', '\x89HDF', r'SLEAP.*sio convert \S*a.slp .*--to coco'),
        ('a.json', dict(skeletons=[], labels=[]), 'SLEAP'),
        ('a.json', [dict(data={}, annotations=[])], '--from labelstudio'),
        ('a.xml', '<annotations></annotations>', 'CVAT.*COCO Keypoints 1.0'),
        ('a.csv', 'scorer,me,me\n', 'DeepLabCut.*--from dlc'),
        ('a.json', '{"images": [', 'is not JSON'),
        ('a.json', [dict(image_id=1)], 'holds a list'),
        ('a.json', dict(info={}), "list of dicts under 'images'"),
        ('a.json', dict(images=[]), 'no images'),
        ('a.json', dict(images=[IMAGE], annotations=[]), 'another task'),
    ],
)
def test_what_is_not_coco_keypoints(tmp_path, name, content, words):
    path = write(tmp_path, content, name)
    with pytest.raises(DataFault, match=words) as error:
        look(path)
    assert name in str(error.value)


def test_first_look(tmp_path):
    content = dict(images=[IMAGE] * 5, annotations=[dict(id=2), PERSON])
    content['categories'] = [dict(id=0, name='none'), NAMED]
    seen = look(write(tmp_path, content))
    assert seen.file_names == ['a.png'] * 3
    assert seen.categories == [NAMED]
    assert seen.num_keypoints == 2


def test_an_image_may_be_called_regions(tmp_path):
    """Keys of COCO's own layout are never taken for another format."""
    content = dict(images=[IMAGE], annotations=[PERSON], regions=dict(a=1))
    assert look(write(tmp_path, content)).num_keypoints == 2
