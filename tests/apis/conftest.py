"""An inferencer, and synthetic people in images of several sizes."""

import json

import cv2
import pytest
from make_toy_coco import make_toy_coco

from poet_mm.apis import POETInferencer


@pytest.fixture(scope='module')
def toy(tmp_path_factory):
    """Six images of synthetic people; three are cropped and lose them."""
    folder = tmp_path_factory.mktemp('toy')
    make_toy_coco(folder, 1, 6, 96, 0)
    annotations = folder / 'annotations/person_keypoints_val2017.json'
    content = json.loads(annotations.read_text())
    sizes = (60, 96), (96, 50), (40, 40)
    for image, (h, w) in zip(content['images'], sizes):
        path = str(folder / 'val2017' / image['file_name'])
        cv2.imwrite(path, cv2.imread(path)[:h, :w])
        image.update(height=h, width=w)
    kept = {image['id'] for image in content['images'][3:]}
    content['annotations'] = [
        person
        for person in content['annotations']
        if person['image_id'] in kept
    ]
    annotations.write_text(json.dumps(content))
    return folder


@pytest.fixture(scope='module')
def inferencer(model_files):
    return POETInferencer(*model_files, device='cpu')


@pytest.fixture(scope='module')
def images(toy):
    return sorted(str(path) for path in (toy / 'val2017').iterdir())
