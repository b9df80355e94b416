"""Data with a broken image."""

import pytest
from known_predictions import link_model, make_image, make_person, write_data


@pytest.fixture
def broken_world(world, tmp_path):
    """Five images, the fourth of which is no image."""
    images = [make_image(tmp_path, n, (64, 64)) for n in range(1, 6)]
    write_data(
        tmp_path,
        images,
        [make_person(image, (0, 0), [2] * 5) for image in images],
    )
    link_model(world, tmp_path)
    broken = tmp_path / 'val2017' / images[3]['file_name']
    broken.write_bytes(broken.read_bytes()[:30])
    return tmp_path, broken
