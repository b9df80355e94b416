"""The reference that exported files are compared with."""

import numpy as np
import pytest
import torch
from mmpose.structures import PoseDataSample

from poet_mm.errors import UserError
from poet_mm.export.parity import (
    random_images,
    reference_poses,
    require_parity,
    sizes_to_check,
)


def test_reference_is_what_the_model_predicts(model):
    """Two images of different sizes, through ``predict`` of MMPose."""
    images = random_images((64, 64), 2, padding=True)
    samples = []
    for image in images:
        size = np.array(image.shape[1::-1])
        meta = dict(img_shape=image.shape[:2], input_size=size)
        meta.update(input_center=size / 2, input_scale=size)
        samples.append(PoseDataSample(metainfo=meta))
    inputs = [
        torch.from_numpy(image[..., ::-1].copy()).permute(2, 0, 1)
        for image in images
    ]
    with torch.no_grad():
        found = model.test_step(dict(inputs=inputs, data_samples=samples))
    scores, keypoints, visibility, _ = reference_poses(model, images)
    for i, sample in enumerate(found):
        people, size = sample.pred_instances, images[i].shape[1::-1]
        np.testing.assert_allclose(people.bbox_scores, scores[i], rtol=1e-5)
        np.testing.assert_allclose(
            people.keypoints, keypoints[i] * size, rtol=1e-4, atol=1e-3
        )
        np.testing.assert_allclose(people.visibility, visibility[i], rtol=1e-5)


def test_outputs_of_other_shapes(model):
    """Even if they would broadcast."""
    zero = np.zeros((1, 1))
    with pytest.raises(UserError, match=r'\[\(1, 1\)\], expected \[\(1, 6\)'):
        require_parity(model, lambda *_: [zero], (32, 32), False)


def test_error_without_a_message(model):
    def fail(*_):
        raise ValueError

    with pytest.raises(UserError, match=r'\(ValueError\)'):
        require_parity(model, fail, (32, 32), False)


def test_sizes_are_multiples():
    assert sizes_to_check((60, 100), 32) == [(32, 96), (96, 32), (32, 32)]
