"""Check which people MMPose's one-stage heads learn from."""

import numpy as np

from poet_mm.datasets.transforms.stock_people import StockPeople


def three_people():
    """Return a labelled person, a crowd, and one without keypoints."""
    return dict(
        keypoints=np.arange(12.0).reshape(3, 2, 2),
        keypoints_visible=np.array([[2.0, 1.0], [2.0, 2.0], [0.0, 0.0]]),
        bbox=np.array([[1.0, 2.0, 3.0, 5.0]] * 3),
        area=np.array([1.0, 2.0, 3.0]),
        iscrowd=np.array([0, 1, 0]),
    )


def test_all_fields_keep_the_same_people():
    results = StockPeople().transform(three_people())
    assert results['keypoints_visible'].tolist() == [[1, 1]]
    assert results['keypoints'].tolist() == [[[0, 1], [2, 3]]]
    assert results['area'].tolist() == [1]
    assert results['bbox'].tolist() == [[1, 2, 3, 5]]
    assert results['category_id'] == [1]


def test_without_area():
    people = three_people()
    people['bbox'][0, 2] = 1  # the window of the image ends there
    assert StockPeople().transform(people)['keypoints'].shape == (0, 2, 2)


def test_boxes_become_corners():
    (box,) = StockPeople(corners=True).transform(three_people())['bbox']
    corners = {tuple(corner) for corner in box.tolist()}
    assert corners == {(1, 2), (1, 5), (3, 2), (3, 5)}


def test_without_people():
    people = three_people()
    people['iscrowd'][:] = 1
    results = StockPeople().transform(people)
    assert results['keypoints'].shape == (0, 2, 2)
    assert results['category_id'] == []
