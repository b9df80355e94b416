"""The summary counts what is there."""

from faulty_data import EXPECTED, make_content, spoil, write_data

from poet_mm.datasets.inspection.check import check_dataset
from poet_mm.datasets.inspection.report import summarise


def test_summary_counts_what_is_there(tmp_path):
    content = spoil(make_content(), 'annotations', 0, iscrowd=1)
    content = spoil(
        content, 'annotations', 1, keypoints=[0] * 9, num_keypoints=0
    )
    ann_file, _ = write_data(tmp_path, content)
    table, _ = check_dataset(str(ann_file), expected=EXPECTED)
    summary = summarise(table)
    assert summary['people'] == 7
    assert summary['crowds'] == 1
    assert summary['labelled_people'] == 6
    assert summary['joints'] == [3, 6, 12]
    assert summary['visible'].tolist() == [6, 6, 0]
    assert summary['hidden'].tolist() == [0, 0, 6]
    assert summary['people_per_image'].tolist() == [1, 2, 2, 2]
