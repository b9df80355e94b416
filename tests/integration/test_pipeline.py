"""Augmentation of a config and codec together."""

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.dataset import Compose
from test_configs import CONFIGS, raw_sample

from poet_mm.codecs.poet_codec import POETCodec

BASE = CONFIGS[0].parent / 'poet_r50_coco.py'


@pytest.mark.parametrize('seed', range(4))
@pytest.mark.parametrize('supervise', ['visible', 'labelled'])
def test_decode_undoes_augmentation_and_encode(seed, supervise):
    """Targets decode to where the augmentation put the keypoints."""
    np.random.seed(seed)
    pipeline = Config.fromfile(BASE).train_pipeline[:-2]
    sample = Compose(pipeline)(raw_sample(num_people=4))
    codec = POETCodec(supervise)
    size = sample['img_shape']
    assert sample['img'].shape[:2] == size
    encoded = codec.encode(
        sample['keypoints'],
        sample['keypoints_visible'],
        size,
        sample['iscrowd'],
    )
    decoded, visibility = codec.decode(encoded, size)
    learned = encoded['keypoint_weights'] > 0
    np.testing.assert_allclose(
        decoded[learned], sample['keypoints'][learned], atol=1e-2
    )
    np.testing.assert_array_equal(visibility, sample['keypoints_visible'] == 2)
