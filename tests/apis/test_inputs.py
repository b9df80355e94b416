"""Inputs of every kind, missing and broken."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers import assert_same, people_of, write_video
from PIL import Image

from poet_mm.apis.inputs import as_bgr, find_files, image_ids
from poet_mm.errors import UserError


def test_files_of_all_sorts(inferencer, tmp_path):
    """Gray, 16 bits, alpha, turned by EXIF: as cv2 reads them, be it as a
    file or as the array that it holds."""
    rng = np.random.default_rng(0)
    bgr = cv2.resize(rng.integers(0, 256, (6, 8, 3), np.uint8), (80, 60))
    arrays = dict(
        gray=bgr[..., 0],
        deep=bgr.astype(np.uint16) * 256 + 7,
        deep_gray=bgr[..., 0].astype(np.uint16) * 256,
        alpha=np.dstack([bgr, bgr[..., 0]]),
    )
    for name, array in arrays.items():
        path = str(tmp_path / f'{name}.png')
        cv2.imwrite(path, array)
        np.testing.assert_array_equal(as_bgr(array), cv2.imread(path))
        assert_same(people_of(inferencer, array), people_of(inferencer, path))
    assert as_bgr(bgr[..., :1]).shape == bgr.shape

    turned = Image.fromarray(bgr[..., ::-1])
    exif = turned.getexif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    path = str(tmp_path / 'turned.jpg')
    turned.save(path, exif=exif)
    assert cv2.imread(path).shape == (80, 60, 3)
    assert_same(
        people_of(inferencer, path), people_of(inferencer, cv2.imread(path))
    )
    result = next(inferencer(path, return_vis=True))
    assert result['visualization'][0].shape == (80, 60, 3)


@pytest.mark.parametrize(
    'array',
    [
        np.zeros((2, 10, 10, 3), np.uint8),
        np.zeros((10, 10, 2), np.uint8),
        np.zeros((10, 10, 3), np.float32),
        np.zeros((0, 10, 3), np.uint8),
    ],
)
def test_arrays_that_are_no_images(inferencer, array):
    with pytest.raises(UserError, match=r'expected uint8 or uint16'):
        next(inferencer([array]))


def test_broken_images(inferencer, images, tmp_path):
    """They end it, or are told about and left out."""
    broken, empty = tmp_path / 'broken.jpg', tmp_path / 'empty.png'
    broken.write_bytes(Path(images[0]).read_bytes()[:20])
    empty.touch()
    inputs = [images[0], broken, str(empty), 'missing.jpg', images[1]]
    with pytest.raises(UserError, match=r'broken\.jpg: cannot be read'):
        list(inferencer(inputs))
    errors = []
    got = people_of(inferencer, inputs, on_error=errors.append, batch_size=2)
    assert_same(got, people_of(inferencer, images[:2], batch_size=2))
    said = [str(error) for error in errors]
    assert ['\n' in line for line in said] == [False] * 3
    assert said[0].startswith(f'{broken}: cannot be read')
    assert 'empty.png' in said[1]
    assert 'missing.jpg' in said[2]
    assert 'No such file' in said[2] or 'no such file' in said[2]


def test_inputs_that_are_not_there(inferencer, tmp_path):
    write_video(tmp_path / 'a.mp4', 1)
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'text.mp4').write_text('no video')
    for wrong, said in (
        (tmp_path / 'empty', 'no images or videos'),
        (tmp_path / 'none.jpg', 'no such file'),
        (str(tmp_path / '*.png'), 'no file fits'),
        (tmp_path / 'text.mp4', 'cannot be opened'),
        (tmp_path, 'no image; give videos one by one'),
        (3.5, 'float: not an input'),
    ):
        with pytest.raises(UserError, match=said):
            next(inferencer(wrong))


def test_folder_without_permission(monkeypatch, tmp_path):
    def refuse(path):
        raise PermissionError(13, 'Permission denied')

    monkeypatch.setattr(os, 'listdir', refuse)
    with pytest.raises(UserError, match='Permission denied'):
        find_files(tmp_path)


def test_image_without_permission(inferencer, images, monkeypatch):
    def refuse(results):
        raise PermissionError(13, 'Permission denied')

    monkeypatch.setattr(inferencer.pipeline.transforms[0], 'transform', refuse)
    with pytest.raises(UserError, match=r'\(Permission denied\)'):
        next(inferencer(images[0]))


def test_find_files(tmp_path):
    (tmp_path / 'deep').mkdir()
    names = ['b.PNG', 'a.jpg', 'deep/c.jpg', 'notes.txt', '[x].jpg']
    for name in names:
        (tmp_path / name).touch()

    def found(path):
        return [os.path.relpath(file, tmp_path) for file in find_files(path)]

    assert found(tmp_path) == ['[x].jpg', 'a.jpg', 'b.PNG']
    assert found(tmp_path / '[x].jpg') == ['[x].jpg']  # no glob: it is there
    assert found(f'{tmp_path}/*.jpg') == ['[x].jpg', 'a.jpg']
    assert found(f'{tmp_path}/**/*.jpg') == ['[x].jpg', 'a.jpg', 'deep/c.jpg']


def test_image_ids():
    assert image_ids(['x/000000000139.jpg', '7.png']) == [139, 7]
    assert image_ids(['a/1.jpg', 'b/01.jpg']) == [1, 2]  # two with number 1
    assert image_ids(['one.jpg', np.zeros((2, 2)), '5.jpg', '0.jpg']) == [
        6,
        7,
        5,
        0,
    ]
    assert image_ids(['one.jpg', 'two.jpg', '1x.jpg']) == [0, 1, 2]
