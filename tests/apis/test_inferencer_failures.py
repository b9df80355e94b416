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
            samples = (
                inputs['data_samples'] if method == 'forward' else args[0]
            )
            if any(sample.img_id in ids for sample in samples):
                raise RuntimeError('too much\nsecond line')
            return run(inferencer, inputs, *args, **kwargs)

        monkeypatch.setattr(inferencer, method, fail)

    return fails_on


@pytest.mark.parametrize('method', ['forward', 'visualize'])
def test_one_image_fails(inferencer, images, fails_on, method):
    """Those of its batch do not."""
    expected = people_of(inferencer, images)
    ids = [int(Path(path).stem) for path in images]
    fails_on(method, ids[4:5])
    with pytest.raises(RuntimeError, match='too much'):
        people_of(inferencer, images, batch_size=3)
    errors = []
    results = list(
        inferencer(
            images,
            batch_size=3,
            score_thr=0,
            on_error=errors.append,
            return_vis=True,
        )
    )
    assert [str(error) for error in errors] == [
        f'{images[4]}: RuntimeError: too much'
    ]
    assert [len(result['visualization']) for result in results] == [3, 2]
    got = [
        np.array([person['keypoints'] for person in people])
        for result in results
        for people in result['predictions']
    ]
    # a batch that is taken apart has no padding
    assert_same(got[3:], [expected[3], expected[5]])


def test_one_frame_fails(inferencer, fails_on, tmp_path):
    """The numbers of the others stay as they are."""
    path = write_video(tmp_path / 'film.mp4', 5)
    fails_on('forward', [3])
    errors = []
    list(
        inferencer(
            path,
            batch_size=2,
            pred_out_dir=str(tmp_path),
            score_thr=0,
            on_error=errors.append,
        )
    )
    assert str(errors[0]) == f'{path}: frame 3: RuntimeError: too much'
    records = json.loads((tmp_path / 'film.json').read_text())
    assert [len(record['instances']) for record in records] == [
        10,
        10,
        10,
        0,
        10,
    ]


def test_every_image_fails(inferencer, images, fails_on):
    """Three are enough to know; broken files do not count."""
    ids = [int(Path(path).stem) for path in images]
    fails_on('forward', ids)
    errors = []
    inputs = ['missing.jpg', *images]
    with pytest.raises(EveryImageFails, match='the first 3 images all failed'):
        list(inferencer(inputs, batch_size=4, on_error=errors.append))
    assert len(errors) == 4
    fails_on('forward', ids[1:])
    errors.clear()
    got = people_of(inferencer, images, on_error=errors.append)
    assert len(got) == 1
    assert len(errors) == 5
