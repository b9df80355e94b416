"""The check reads what a config expects."""

import pytest
from helpers import ROOT

from poet_mm.datasets.inspection.check import read_expected
from poet_mm.errors import UserError


def test_config_tells_skeleton_and_queries():
    expected = read_expected(str(ROOT / 'configs' / 'poet_r18_toy.py'))
    assert expected.num_queries == 10
    assert len(expected.keypoint_names) == 17
    assert expected.keypoint_names[0] == 'nose'


def test_config_without_a_skeleton_is_named(tmp_path):
    (tmp_path / 'empty.py').write_text('a = 1')
    with pytest.raises(UserError, match=r'empty\.py has no dataset_info'):
        read_expected(str(tmp_path / 'empty.py'))
