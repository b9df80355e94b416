"""Images one by one, in batches, and broken."""

import numpy as np
import pytest
from known_predictions import run, session_of

from poet_mm.analysis.collect import walk_images
from poet_mm.errors import UserError


def test_batches_change_nothing(world):
    records = [
        list(
            walk_images(
                session_of(
                    world,
                    split='test',
                    cfg_options={'test_dataloader.batch_size': size},
                )
            )
        )
        for size in (1, 3)
    ]
    for one, three in zip(*records):
        assert one.img_id == three.img_id
        np.testing.assert_allclose(
            one.prediction.keypoints, three.prediction.keypoints, atol=1e-4
        )
        np.testing.assert_allclose(
            one.prediction.scores, three.prediction.scores, atol=1e-5
        )


@pytest.mark.parametrize('workers', [0, 2])
def test_broken_image_of_the_data(broken_world, workers):
    """It is named, also where another process loads it; and nothing is drawn
    of the rest, which would look like the whole."""
    folder, broken = broken_world
    with pytest.raises(UserError) as error:
        run(
            folder,
            'visibility',
            '--cfg-options',
            f'test_dataloader.num_workers={workers}',
        )
    assert str(error.value) == (
        f'{broken}: cannot be read as an image '
        '(empty, damaged or of an unknown format)'
    )
    assert not (folder / 'out').exists()
    run(folder, 'visibility', '--max-images', 2)


def test_other_errors_of_the_data_stay(broken_world, monkeypatch):
    """A mistake in the pipeline is not blamed on an image."""
    folder, broken = broken_world
    broken.write_bytes((broken.parent / '000000000001.png').read_bytes())
    session = session_of(folder)

    def fail(results):
        raise KeyError('mistake')

    monkeypatch.setattr(
        session.dataset.pipeline.transforms[1], 'transform', fail
    )
    with pytest.raises(KeyError, match='mistake'):
        list(walk_images(session))
