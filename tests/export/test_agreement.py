"""People of a runtime beside those of the model, in numbers by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmpose.structures import PoseDataSample

from poet_mm.errors import UserError
from poet_mm.export import agreement
from poet_mm.export.agreement import (
    LIMITS,
    MODEL,
    Agreement,
    format_table,
    pad_image,
    person_gaps,
    require_agreement,
)
from poet_mm.export.parity import random_images, reference_poses

SIZE = np.float32([100, 50])  # width, height


def make_poses():
    """Three queries of two keypoints; the second is no person."""
    rng = np.random.default_rng(0)
    scores = np.float32([[0.9, 0.1, 0.6]])
    keypoints = rng.random((1, 3, 2, 2), dtype=np.float32)
    return [scores, keypoints, np.ones((1, 3, 2), 'f4'), keypoints[:, :, 0]]


def test_other_order_of_queries():
    poses = make_poses()
    found = [values[:, [2, 0, 1]] for values in poses]
    np.testing.assert_array_equal(
        person_gaps(poses, found, SIZE), np.zeros((2, 2))
    )


def test_distance_is_in_pixels():
    """One keypoint of the first person moves by 3 and 4 pixels."""
    poses = make_poses()
    found = [values.copy() for values in poses]
    found[1][0, 0, 1] += [0.03, 0.08]
    found[0][0, 2] = 0.4
    expected = [[2.5, 0], [0, 0.2]]
    np.testing.assert_allclose(
        person_gaps(poses, found, SIZE), expected, atol=1e-5
    )
    poses[2][0, 0] = [0.9, 0.1]  # visibility weighs
    gaps = person_gaps(poses, found, SIZE)
    np.testing.assert_allclose(gaps[0], [0.5, 0], atol=1e-5)
    poses[2][0, 0] = 0  # no weight: a plain mean
    np.testing.assert_allclose(
        person_gaps(poses, found, SIZE), expected, atol=1e-5
    )


def test_no_person():
    poses = make_poses()
    poses[0][:] = 0.2
    assert person_gaps(poses, poses, SIZE).shape == (2, 0)


def test_image_that_needs_padding():
    image = np.zeros((30, 32, 3), 'u1')
    batch, mask = pad_image(image, 16, True)
    assert batch.shape == (1, 32, 32, 3)
    assert mask[0, 30:].all()
    assert not mask[0, :30].any()
    with pytest.raises(UserError, match=r'30 x 32 .*16.*--padding-mask'):
        pad_image(image, 16, False)


@pytest.mark.parametrize(
    ('changes', 'part'),
    [
        (dict(pixels=2.5), '2.5 pixels, more than 2,'),
        (dict(score=0.5), '0.5 in score, more than 0.02'),
        (dict(ap=0.7), '0.1 in AP, more than 0.02'),
        (dict(pixels=np.nan), 'nan pixels'),
    ],
)
def test_difference_that_is_too_large(changes, part):
    model = Agreement(9, 0, 0, 0, 0.8, 10.0)
    close = model._replace(pixels=1.9, score=0.01, ap=0.79)
    require_agreement({MODEL: model, 'openvino': close}, 'int8')
    far = close._replace(**changes)
    with pytest.raises(UserError, match=f'openvino in int8 .*{part}'):
        require_agreement({MODEL: model, 'openvino': far}, 'int8')


def test_limits_of_lower_precisions_are_wider():
    assert list(LIMITS) == ['fp32', 'fp16', 'int8']
    assert np.all(np.diff(np.array(list(LIMITS.values())), axis=0) > 0)


def test_set_without_labels_has_no_ap():
    """COCO gives -1."""
    model = Agreement(2, 0.0, 0.0, 0.0, -1.0, 10.0)
    close = Agreement(2, 0.5, 1.25, 0.001, -1.0, 7.25)
    found = {MODEL: model, 'openvino': close, 'onnx': close._replace(ap=0.0)}
    rows = [line.split() for line in format_table(found).splitlines()[1:]]
    assert rows == [
        ['model', '0.000', '0.00', '0.0000', '-', '10.0'],
        ['openvino', '0.500', '1.25', '0.0010', '-', '7.2'],
        ['onnx', '0.500', '1.25', '0.0010', '0.000', '7.2'],
    ]
    require_agreement({MODEL: model, 'openvino': close}, 'int8')


class OneImage(list):
    """A loader of one image, and its data set."""

    def __init__(self):
        (image,) = random_images((48, 64), 1, False)
        size = np.array([64, 48])
        meta = dict(img_id=7, input_size=size, input_scale=2 * size)
        meta.update(input_center=size)
        planes = torch.from_numpy(image[..., ::-1].copy()).permute(2, 0, 1)
        sample = PoseDataSample(metainfo=meta)
        super().__init__([dict(inputs=[planes], data_samples=[sample])])
        self.dataset = [0]


def test_compare_on_images(model, monkeypatch):
    """A runtime that returns the model's poses moves nothing, one that is a
    tenth of the width off does; both pass people in pixels of the file."""
    people = []

    def process(_, samples):
        people.extend(samples)

    metric = SimpleNamespace(
        process=process, evaluate=lambda count: {'coco/AP': 0.5}
    )
    monkeypatch.setattr(agreement, 'build_subset_metric', lambda *args: metric)

    def exact(batch):
        return reference_poses(model, list(batch))

    def off(batch):
        poses = exact(batch)
        poses[1] = poses[1] + np.float32([0.1, 0])
        return poses

    runs = dict(exact=exact, off=off)
    args = (model, runs, OneImage(), {}, False)
    monkeypatch.setattr(agreement, 'PERSON_SCORE', 0.0)
    found = agreement.compare_on_images(*args)
    assert list(found) == [MODEL, 'exact', 'off']
    assert found['exact'][:5] == (6, 0, 0, 0, 0.5)
    assert 0 < found['off'].pixels <= 6.4
    assert [person['img_id'] for person in people] == [7] * 3
    keypoints = [person['pred_instances']['keypoints'] for person in people]
    np.testing.assert_allclose(
        keypoints[2] - keypoints[0],
        np.broadcast_to([12.8, 0], (6, 5, 2)),
        atol=1e-3,
    )
    assert 'exact' in agreement.format_table(found)
    monkeypatch.setattr(agreement, 'PERSON_SCORE', 1.0)
    with pytest.raises(UserError, match=r'score of 1\.0 in 1 images'):
        agreement.compare_on_images(*args)
