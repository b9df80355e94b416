"""The check reads what a config expects."""

from helpers import ROOT

from poet_mm.datasets.inspection.check import read_expected


def test_config_has_skeleton_and_queries():
    expected = read_expected(str(ROOT / 'configs' / 'poet_r18_toy.py'))
    assert expected.num_queries == 10
    assert len(expected.keypoint_names) == 17
    assert expected.keypoint_names[0] == 'nose'
