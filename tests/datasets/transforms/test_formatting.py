"""Samples are packed as MMPose packs them."""

import numpy as np
import pytest
import torch
from drawn_transforms import CROP, RESIZE, make_sample, once, run
from mmpose.registry import TRANSFORMS

from poet_mm.datasets.transforms.formatting import image_planes


@pytest.mark.parametrize('flip', [0.0, 1.0])
@pytest.mark.parametrize('transforms', [[CROP], [RESIZE], []])
def test_packed_as_mmpose_packs(flip, transforms):
    sample = run({'type': 'RandomFlip', 'prob': flip}, make_sample())
    sample = run(once(transforms), sample)
    ours = TRANSFORMS.build({'type': 'PackBottomupInputs'})(sample)
    sample['img'] = np.ascontiguousarray(sample['img'])
    theirs = TRANSFORMS.build({'type': 'PackPoseInputs'})(sample)
    assert torch.equal(ours['inputs'], theirs['inputs'])
    assert ours['inputs'].is_contiguous()
    ours, theirs = ours['data_samples'], theirs['data_samples']
    assert set(theirs.metainfo) - set(ours.metainfo) == {'raw_ann_info'}
    assert set(ours.gt_instances.keys()) - set(theirs.gt_instances.keys()) == {
        'areas',
        'iscrowd',
    }


@pytest.mark.parametrize('shape', [(5, 7, 3), (5, 7), (5, 7, 1), (5, 7, 4)])
def test_planes_of_any_image(shape):
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    planes = image_planes(image)
    assert np.array_equal(planes, image.reshape(5, 7, -1).transpose(2, 0, 1))
