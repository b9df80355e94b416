"""Inputs of every kind, missing and broken."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers import assert_same, people_of, write_video
from PIL import Image

from poet_mm.apis.inputs import as_bgr, find_sources, image_ids
from poet_mm.errors import UserError


def test_files_of_all_sorts(inferencer, tmp_path):
    """Gray, 16 bits, alpha, turned by EXIF: as cv2 reads them, be it as a
    file or as the array that it holds."""
    rng = np.random.default_rng(0)
    bgr = cv2.resize(rng.integers(0, 256, (6, 8, 3), np.uint8), (80, 60))
    path = str(tmp_path / 'image.png')
    for array in (
        bgr[..., 0],
        bgr.astype(np.uint16) * 256 + 7,
        bgr[..., 0].astype(np.uint16) * 256,
        np.dstack([bgr, bgr[..., 0]]),
    ):
        cv2.imwrite(path, array)
        np.testing.assert_array_equal(as_bgr(array, ''), cv2.imread(path))
    assert_same(people_of(inferencer, array), people_of(inferencer, path))
    assert as_bgr(bgr[..., :1], '').shape == bgr.shape

    turned = Image.fromarray(bgr[..., ::-1])
    exif = turned.getexif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    path = str(tmp_path / 'turned.jpg')
    turned.save(path, exif=exif)
    (picture,) = next(inferencer(path, return_vis=True))['visualization']
    assert picture.shape == cv2.imread(path).shape == (80, 60, 3)


@pytest.mark.parametrize(
    ('shape', 'dtype'),
    [
        ((2, 10, 10, 3), 'u1'),
        ((10, 10, 2), 'u1'),
        ((10, 10, 3), 'f4'),
        ((0, 10, 3), 'u1'),
        ((10,), 'u1'),
    ],
)
def test_arrays_that_are_no_images(shape, dtype):
    with pytest.raises(UserError, match=r'a\.jpg: .* uint8 or uint16'):
        as_bgr(np.zeros(shape, dtype), 'a.jpg')


def test_broken_images(inferencer, images, tmp_path):
    """They end it, or are reported and left out."""
    broken, empty = tmp_path / 'broken.jpg', tmp_path / 'empty.png'
    broken.write_bytes(Path(images[0]).read_bytes()[:20])
    empty.touch()
    array = np.zeros((2, 2, 2), np.uint8)
    inputs = [images[0], broken, str(empty), 'missing.jpg', array, images[1]]
    with pytest.raises(UserError, match=r'broken\.jpg: cannot be read'):
        list(inferencer(inputs))
    errors = []
    got = people_of(inferencer, inputs, on_error=errors.append, batch_size=2)
    assert_same(got, people_of(inferencer, images[:2], batch_size=2))
    names = ['broken.jpg', 'empty.png', 'missing.jpg', '(2, 2, 2)']
    for error, name in zip(errors, names):
        assert name in str(error)
        assert '\n' not in str(error)
    assert len(errors) == 4
    assert 'o such file' in str(errors[2])


def test_inputs_that_are_not_there(tmp_path, inferencer):
    write_video(tmp_path / 'a.mp4', 1)
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'text.mp4').write_text('no video')
    for wrong, part in (
        (tmp_path / 'empty', 'no images or videos'),
        (tmp_path / 'none.jpg', 'no such file'),
        (str(tmp_path / '*.png'), 'no file matches'),
        (tmp_path / 'text.mp4', 'cannot be opened'),
        (tmp_path, 'no image; give videos one by one'),
        (3.5, 'float: not an input'),
    ):
        with pytest.raises(UserError, match=part):
            next(inferencer(wrong))


def test_without_permission(inferencer, images, monkeypatch, tmp_path):
    def refuse(path):
        raise PermissionError(13, 'Permission denied')

    monkeypatch.setattr(os, 'listdir', refuse)
    with pytest.raises(UserError, match='Permission denied'):
        find_sources(tmp_path)
    monkeypatch.setattr(inferencer.pipeline.transforms[0], 'transform', refuse)
    with pytest.raises(UserError, match=r'\(Permission denied\)'):
        next(inferencer(images[0]))


def test_find_sources(tmp_path):
    (tmp_path / 'deep').mkdir()
    names = ['b.PNG', 'a.jpg', 'deep/c.jpg', 'notes.txt', '[x].jpg', '.h.jpg']
    for name in names:
        (tmp_path / name).touch()

    def found(path):
        return [os.path.relpath(file, tmp_path) for file in find_sources(path)]

    assert found(tmp_path) == ['[x].jpg', 'a.jpg', 'b.PNG']
    assert found(tmp_path / '[x].jpg') == ['[x].jpg']  # no glob: it is there
    assert found(f'{tmp_path}/*.jpg') == ['[x].jpg', 'a.jpg']
    assert find_sources('webcam:3') == [3]
    assert found(f'{tmp_path}/**/*.jpg') == ['[x].jpg', 'a.jpg', 'deep/c.jpg']


def test_image_ids():
    array = np.zeros((2, 2))
    for names, ids in (
        (['x/000000000139.jpg', '7.png'], [139, 7]),
        (['a/1.jpg', 'b/01.jpg'], [1, 2]),  # two with number 1
        (['one.jpg', array, '5.jpg', '0.jpg'], [6, 7, 5, 0]),
        (['one.jpg', 'two.jpg', '1x.jpg'], [0, 1, 2]),
    ):
        assert image_ids(names) == ids
