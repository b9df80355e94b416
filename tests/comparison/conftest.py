"""Synthetic people for a comparison."""

import pytest
from make_toy_coco import make_toy_coco


@pytest.fixture(scope='module')
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp('toy')
    make_toy_coco(folder, 24, 4, 64, 0)
    return folder
