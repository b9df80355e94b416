"""Images one by one, in batches, and broken."""

import numpy as np
import pytest
from known_predictions import (
    link_model,
    make_image,
    make_person,
    run,
    session_of,
    write_data,
)

from poet_mm.analysis.collect import walk_images
from poet_mm.errors import DataFault


def test_batches_change_nothing(world):
    one, three = (
        session_of(world, cfg_options={'test_dataloader.batch_size': size})
        for size in (1, 3)
    )
    for a, b in zip(walk_images(one), walk_images(three)):
        assert a.img_id == b.img_id
        np.testing.assert_allclose(
            a.prediction.keypoints, b.prediction.keypoints, atol=1e-4
        )
        np.testing.assert_allclose(
            a.prediction.scores, b.prediction.scores, atol=1e-5
        )


@pytest.mark.slow
def test_broken_image_of_the_data(world, tmp_path):
    """It is named; nothing is drawn of the others, as if they were all."""
    images = [make_image(tmp_path, n, (64, 64)) for n in range(1, 4)]
    people = [make_person(image, (0, 0), [2] * 5) for image in images]
    write_data(tmp_path, images, people)
    link_model(world, tmp_path)
    broken = tmp_path / 'val2017' / images[2]['file_name']
    broken.write_bytes(broken.read_bytes()[:30])
    for args in (['visibility'], ['attention', '--image', broken]):
        with pytest.raises(DataFault, match=broken.name):
            run(tmp_path, *args)
    assert not (tmp_path / 'out').exists()
    run(tmp_path, 'visibility', '--max-images', 2)
