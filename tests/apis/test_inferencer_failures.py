"""What fails on one image does not stop the others."""

import json
from pathlib import Path

import numpy as np
import pytest
from helpers import assert_same, people_of, write_video

from poet_mm.errors import EveryImageFails


@pytest.fixture
def fails_on(inferencer, monkeypatch):
    """Let the network or the drawing fail on images of some ids."""

    def fails_on(method, ids):
        run = getattr(type(inferencer), method)

        def fail(inputs, *args, **kwargs):
            samples = args[0] if args else inputs['data_samples']
            if any(sample.img_id in ids for sample in samples):
                raise RuntimeError('too much\nsecond line')
            return run(inferencer, inputs, *args, **kwargs)

        monkeypatch.setattr(inferencer, method, fail)

    return fails_on


@pytest.fixture
def ids(images):
    return [int(Path(path).stem) for path in images]


@pytest.mark.parametrize('method', ['forward', 'visualize'])
def test_one_image_fails(inferencer, images, ids, fails_on, method):
    """Those of its batch do not."""
    expected = people_of(inferencer, images)
    fails_on(method, ids[4:5])
    with pytest.raises(RuntimeError, match='too much'):
        people_of(inferencer, images, batch_size=3)
    errors = []
    kwargs = dict(batch_size=3, score_thr=0, return_vis=True)
    results = list(inferencer(images, on_error=errors.append, **kwargs))
    message = f'{images[4]}: RuntimeError: too much'
    assert [str(error) for error in errors] == [message]
    assert [len(result['visualization']) for result in results] == [3, 2]
    got = [
        np.array([person['keypoints'] for person in people])
        for people in results[1]['predictions']
    ]
    # a batch that is taken apart has no padding
    assert_same(got, [expected[3], expected[5]])


def test_one_frame_fails(inferencer, fails_on, tmp_path):
    """The numbers of the others stay as they are."""
    path = write_video(tmp_path / 'film.mp4', 5)
    fails_on('forward', [3])
    errors = []
    kwargs = dict(batch_size=2, score_thr=0, pred_out_dir=str(tmp_path))
    list(inferencer(path, on_error=errors.append, **kwargs))
    assert str(errors[0]) == f'{path}: frame 3: RuntimeError: too much'
    records = json.loads((tmp_path / 'film.json').read_text())
    numbers = [len(record['instances']) for record in records]
    assert numbers == [10, 10, 10, 0, 10]


def test_a_transform_fails(inferencer, images, monkeypatch):
    """The image is readable: its error keeps its name, and counts."""

    def fail(results):
        raise ValueError('too much')

    monkeypatch.setattr(inferencer.pipeline.transforms[1], 'transform', fail)
    with pytest.raises(ValueError, match='too much'):
        next(inferencer(images[0]))
    errors = []
    with pytest.raises(EveryImageFails, match='first 3'):
        list(inferencer(images, on_error=errors.append))
    assert str(errors[0]) == f'{images[0]}: ValueError: too much'


def test_every_image_fails(inferencer, images, ids, fails_on):
    """Three are enough to know; broken files do not count."""
    fails_on('forward', ids)
    errors = []
    inputs = ['missing.jpg', *images]
    with pytest.raises(EveryImageFails, match='first 3'):
        list(inferencer(inputs, batch_size=4, on_error=errors.append))
    assert len(errors) == 4
    fails_on('forward', ids[1:])
    errors.clear()
    assert len(people_of(inferencer, images, on_error=errors.append)) == 1
    assert len(errors) == 5
