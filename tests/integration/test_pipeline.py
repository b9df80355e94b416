"""From file to model: data set, augmentation, codec, one training step."""

import copy
import json

import numpy as np
import pytest
import torch
from helpers import tiny_head_cfg
from make_toy_coco import make_toy_coco
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmpose.registry import DATASETS, MODELS
from PIL import Image
from test_configs import CONFIGS, raw_sample

from poet_mm.codecs.poet_codec import POETCodec

BASE = CONFIGS[0].parent / 'poet_r50_coco.py'
FIVE_JOINTS = dict(
    dataset_name='toy5',
    paper_info=dict(),
    keypoint_info={
        i: dict(
            name=name, id=i, color=[255, 255, 255], type='upper', swap=swap
        )
        for i, (name, swap) in enumerate(
            [
                ('nose', ''),
                ('left_eye', 'right_eye'),
                ('right_eye', 'left_eye'),
                ('left_ear', 'right_ear'),
                ('right_ear', 'left_ear'),
            ]
        )
    },
    skeleton_info={
        0: dict(link=('nose', 'left_eye'), id=0, color=[0, 255, 0])
    },
    joint_weights=[1.0] * 5,
    sigmas=[0.03] * 5,
)


@pytest.mark.parametrize('seed', range(8))
@pytest.mark.parametrize('supervise', ['visible', 'labelled'])
def test_decode_undoes_augmentation_and_encode(seed, supervise):
    """Targets decode to where the augmentation put the joints."""
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


@pytest.mark.parametrize('crowd', [False, True])
def test_image_without_people_trains(crowd):
    """Nobody, or only a crowd, through the whole recipe."""
    pipeline = Compose(Config.fromfile(BASE).train_pipeline)
    sample = raw_sample(num_people=int(crowd))
    sample['iscrowd'][:] = 1
    sample['keypoints_visible'][:] = 0
    packed = pipeline(sample)
    labels = packed['data_samples'].gt_instance_labels
    assert labels.centers.shape == (0, 2)
    assert labels.offsets.shape == (0, 17, 2)


def test_everyone_cropped_away():
    pipeline = Compose(
        [
            dict(type='LoadImage'),
            dict(type='RandomSizeCrop', min_size=8, max_size=8),
            *Config.fromfile(BASE).train_pipeline[-2:],
        ]
    )
    sample = raw_sample(num_people=2, size=(400, 400))
    sample['keypoints'][:] = [399, 399]
    sample['keypoints_visible'][:] = 2
    packed = pipeline(sample)
    assert packed['data_samples'].gt_instance_labels.labels.shape == (0,)


def test_exif_and_grey(tmp_path):
    """Turned by its camera, or grey: loaded upright and in three channels."""
    picture = Image.new('L', (40, 20), 200)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees to see it upright
    picture.save(tmp_path / 'turned.jpg', exif=exif)
    pipeline = Compose(Config.fromfile(BASE).test_pipeline)
    packed = pipeline(
        dict(img_path=str(tmp_path / 'turned.jpg'), img_id=1, id=[])
    )
    assert packed['inputs'].shape == (3, 1332, 666)
    assert packed['data_samples'].metainfo['ori_shape'] == (40, 20)


@pytest.fixture(scope='module')
def five_joints(tmp_path_factory):
    """Toy people with the joints of the head only."""
    folder = tmp_path_factory.mktemp('five')
    make_toy_coco(folder, 6, 0, 64, 0)
    path = folder / 'annotations' / 'person_keypoints_train2017.json'
    coco = json.loads(path.read_text())
    for ann in coco['annotations']:
        ann['keypoints'] = ann['keypoints'][:15]
        ann['num_keypoints'] = sum(v > 0 for v in ann['keypoints'][2::3])
    path.write_text(json.dumps(coco))
    return folder


def test_any_skeleton_trains_a_step_and_predicts(five_joints):
    """K = 5 from the metainfo; nothing knows 17."""
    cfg = Config.fromfile(CONFIGS[0].parent / 'poet_r18_toy.py')
    dataset = DATASETS.build(
        dict(
            cfg.train_dataloader.dataset,
            data_root=str(five_joints),
            metainfo=copy.deepcopy(FIVE_JOINTS),
        )
    )
    batch = pseudo_collate([dataset[i] for i in range(4)])
    model = MODELS.build(
        dict(
            type='BottomupPoseEstimator',
            data_preprocessor=cfg.model.data_preprocessor,
            backbone=dict(type='ResNet', depth=18),
            head=tiny_head_cfg(num_keypoints=5, in_channels=512),
        )
    )
    wrapper = build_optim_wrapper(
        model, dict(optimizer=dict(type='SGD', lr=1e-3))
    )
    logs = model.train_step(batch, wrapper)
    assert torch.isfinite(logs['loss'])
    model.eval()
    with torch.no_grad():
        results = model.test_step(batch)
    assert results[0].pred_instances.keypoints.shape == (6, 5, 2)
