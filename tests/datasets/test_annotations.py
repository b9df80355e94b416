"""Damaged annotations are named, or left out and counted."""

import pytest
from faulty_data import (
    FAULTS,
    W,
    make_content,
    make_dataset,
    spoil,
    with_joint,
)

from poet_mm.errors import DataFault


@pytest.mark.parametrize('name', FAULTS)
def test_annotations_with_faults_are_left_out_and_counted(tmp_path, log, name):
    entries, changes = FAULTS[name]
    content = spoil(make_content(), entries, 0, **changes)
    dataset = make_dataset(tmp_path, content, faults='skip')
    kept = [dataset.get_data_info(n)['img_id'] for n in range(len(dataset))]
    # an annotation of no image says nothing about image 1
    lost = {'no_such_image': set(), 'duplicate_image_ids': {1, 2}}
    assert set(kept) == {1, 2, 3, 4} - lost.get(name, {1})
    assert len(log) == 1
    assert 'of 4 images for' in log[0]
    assert str(tmp_path / 'ann.json') in log[0]


def test_nothing_left(tmp_path, log):
    """The log lists the faults before the error."""
    content = spoil(make_content(1), 'annotations', 0, area=-1)
    with pytest.raises(DataFault, match='none of them to use'):
        make_dataset(tmp_path, content, faults='skip')
    assert 'area is -1' in log[0]


def test_keypoints_outside_and_missing_poses_are_counted(tmp_path, log):
    outside = with_joint(0, [W + 5, 20, 2])
    content = spoil(make_content(), 'annotations', 0, keypoints=outside)
    content = spoil(content, 'annotations', 1, keypoints=...)
    make_dataset(tmp_path, content)
    assert len(log) == 2
    assert '1 of 8 annotations have no bbox or no keypoints' in log[0]
    assert '1 of 21 labelled' in log[1]
    assert 'up to 5.0 pixels' in log[1]
