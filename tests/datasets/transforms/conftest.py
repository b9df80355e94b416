"""The scope in which MMPose builds transforms."""

import pytest
from mmengine.registry import init_default_scope


@pytest.fixture(scope='module', autouse=True)
def scope():
    """The scope in which a Runner of MMPose builds its pipelines."""
    init_default_scope('mmpose')
