"""What does not go together in a POETHead is said with what to set."""

import pytest
import torch
from helpers import FAST_LOSS, random_samples, tiny_head

FEAT = (2, 8, 4, 3)  # B, C, H, W
NOISE = dict(groups=2, center_noise=0.5, scale_noise=0.4, joint_noise=0.2)
DETAIL = dict(in_channels=[4, 8], channels=6, joint_channels=8)


@pytest.mark.parametrize('option', ['flip_test', 'multiscale_test'])
def test_flip_test_is_refused(option):
    head = tiny_head()
    with pytest.raises(ValueError, match=f'model.test_cfg.{option}=False'):
        head.predict((torch.randn(FEAT),), [], test_cfg={option: True})


def test_wrong_channels():
    with pytest.raises(ValueError, match=r'10 channels.*model\.head'):
        tiny_head()((torch.randn(2, 10, 4, 3),))
    with pytest.raises(ValueError, match='must be equal'):
        tiny_head(positional_encoding=dict(num_feats=4))


def test_classes_must_fit_the_codec():
    codec = dict(type='POETCodec', empty_class=True)
    with pytest.raises(ValueError, match='must be 2'):
        tiny_head(codec=codec)
    tiny_head(codec=codec, num_classes=2)
    with pytest.raises(ValueError, match='must be 1'):
        tiny_head(num_classes=2)


def test_wrong_skeleton():
    with pytest.raises(ValueError, match='num_keypoints=7'):
        tiny_head().loss(
            (torch.randn(1, 8, 4, 3),), random_samples([1], num_keypoints=7)
        )


def test_denoising_is_for_proposals():
    with pytest.raises(ValueError, match='without propose=True'):
        tiny_head(denoising=NOISE)


def test_needs_corrections():
    with pytest.raises(ValueError, match='without refine=True'):
        tiny_head(propose=True, detail=DETAIL)


@pytest.mark.parametrize(
    'pieces', [dict(refine=True), dict(loss=FAST_LOSS)], ids=['loss', 'refine']
)
def test_predicted_oks_needs_corrections_and_oks(pieces):
    with pytest.raises(ValueError, match='got predict_oks=True'):
        tiny_head(predict_oks=True, **pieces)
