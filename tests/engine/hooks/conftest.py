"""Synthetic people for trainings that break."""

import pytest
from make_toy_coco import make_toy_coco


@pytest.fixture(scope='module')
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp('faults_toy')
    make_toy_coco(folder, 8, 2, 64, 0)
    return folder
