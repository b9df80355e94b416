"""MMPose's AE beside ours: same checkpoint, image, test settings, people."""

import numpy as np
import pytest
import torch
from helpers import ROOT
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.hub import get_config
from mmengine.registry import init_default_scope
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import MODELS

from poet_mm.checkpoints.convert import convert
from poet_mm.codecs.associative_embedding.codec import draw_gaussians

MMPOSE = (
    'mmpose::body_2d_keypoint/associative_embedding/coco/'
    'ae_hrnet-w32_8xb24-300e_coco-512x512.py'
)
COCO = parse_pose_metainfo(dict(from_file='configs/_base_/datasets/coco.py'))
K = 17
NORM = ('weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked')
FINAL = {'final_layer.weight', 'final_layer.bias'}
HEAD_KEYS = {  # of MMPose 0.x's BottomUpSimpleHead, later AESimpleHead
    'r50': {
        *FINAL,
        *(f'deconv_layers.{n}.weight' for n in (0, 3, 6)),
        *(f'deconv_layers.{n}.{key}' for n in (1, 4, 7) for key in NORM),
    },
    'hrnet-w32': FINAL,
}


def mmpose_config(name):
    """MMPose has no config for R50: theirs for HRNet, with 0.x's layers."""
    init_default_scope('mmpose')
    cfg = get_config(MMPOSE)
    if name == 'r50':
        cfg.model.backbone = dict(type='ResNet', depth=50)
        cfg.model.head.update(
            in_channels=2048,
            deconv_out_channels=(256, 256, 256),
            deconv_kernel_sizes=(4, 4, 4),
        )
    return cfg


def prepare(cfg):
    """Return a batch of one image by the test pipeline, at 128 pixels."""
    pipeline = cfg.test_dataloader.dataset.pipeline
    pipeline[1].input_size = (128, 128)
    img = np.random.default_rng(0).integers(0, 255, (61, 97, 3), dtype='uint8')
    sample = dict(img=img, img_id=1, id=1, flip_indices=COCO['flip_indices'])
    return pseudo_collate([Compose(pipeline)(dict(sample, img_path='a.png'))])


@torch.no_grad()
def show_people(model, images):
    """Fit the last layer of a random network to a few people.

    1. All keypoints have the same heatmap, a ridge regression of Gaussians
       inside of the image; it is noisy, so that there are more people. Those
       of 7 and 8 are too low for peaks: they are searched.
    2. The tag of a cell is the same random number for all keypoints.
    """
    layer, features = model.head.final_layer, []
    hook = layer.register_forward_pre_hook(
        lambda _, inputs: features.append(inputs[0])
    )
    for view in (images, images.flip(-1)):
        model.head.forward(model.extract_feat(view))
    hook.remove()
    cells = torch.cat([features[0], features[1].flip(-1)])  # (2, D, H, W)
    H, W = cells.shape[2:]
    x = cells.permute(0, 2, 3, 1).flatten(0, 2)  # (2HW, D)
    # 1.
    places = np.array([[10, 9], [30, 20], [50, 12], [52, 24]])
    y = draw_gaussians(places, np.zeros(4, dtype=int), 2, (1, H, W))
    y = torch.from_numpy(y).flatten().repeat(2)
    ridge = 1e-6 * len(x) * x.var() * torch.eye(x.shape[1])
    weight = torch.linalg.solve(x.T @ x + ridge, x.T @ y)
    height = torch.full((K,), 0.8)
    height[7:9] = 0.04
    layer.weight[:K, :, 0, 0] = height[:, None] * weight / (x @ weight).max()
    # 2.
    weight = torch.randn_like(weight)
    layer.weight[K:, :, 0, 0] = 5 * weight / (x @ weight).std()
    layer.bias.zero_()


def predict(model, batch):
    with torch.no_grad():
        (sample,) = model.test_step(batch)
    return sample.pred_instances, sample.pred_fields


@pytest.mark.slow
@pytest.mark.parametrize('name', ['r50', 'hrnet-w32'])
def test_people_equal_mmposes(name, tmp_path):
    """All weights are used. Inputs and tags are equal to the bit, heatmaps
    but for half a cell along the border, and people in order, scores and
    positions. By default our searched keypoints, and no others, are half a
    pixel of the input on."""
    theirs_cfg = mmpose_config(name)
    ours_cfg = Config.fromfile(ROOT / f'configs/mmpose_test/ae_{name}.py')
    for cfg in (theirs_cfg, ours_cfg):
        cfg.model.backbone.init_cfg = None
        cfg.model.test_cfg.output_heatmaps = True
    theirs_batch, ours_batch = prepare(theirs_cfg), prepare(ours_cfg)
    assert torch.equal(theirs_batch['inputs'][0], ours_batch['inputs'][0])

    torch.manual_seed(0)
    theirs = MODELS.build(theirs_cfg.model).eval()
    images = theirs.data_preprocessor(prepare(theirs_cfg))['inputs']
    show_people(theirs, images)
    state = {  # by the names of MMPose 0.x
        key.replace('head.', 'keypoint_head.'): value
        for key, value in theirs.state_dict().items()
    }
    head = 'keypoint_head.'
    heads = {key[len(head) :] for key in state if key.startswith(head)}
    assert heads == HEAD_KEYS[name]
    torch.save(dict(state_dict=state), tmp_path / 'mmpose.pth')
    conversion = convert('mmpose-ae', str(tmp_path / 'mmpose.pth'), ours_cfg)
    ours = conversion.model
    assert conversion.dropped == []
    assert ours.state_dict().keys() == theirs.state_dict().keys()

    expected, maps = predict(theirs, theirs_batch)
    got, our_maps = predict(ours, ours_batch)
    inner = np.s_[:, 2:-2, 2:-2]
    torch.testing.assert_close(maps.heatmaps[inner], our_maps.heatmaps[inner])
    assert torch.equal(maps.tags, our_maps.tags)

    assert len(got) == len(expected) == 30
    for scores in ('bbox_scores', 'keypoint_scores'):
        np.testing.assert_allclose(got[scores], expected[scores], atol=1e-6)
    np.testing.assert_array_equal(got.keypoints, expected.keypoints)

    ours.head.decoder.decode_center_shift = None
    got, _ = predict(ours, prepare(ours_cfg))
    pixel = 61 / 128  # of the input, in pixels of the original image
    searched = expected.keypoint_scores[..., None] < 0.1
    assert 0 < searched.sum() < searched.size
    np.testing.assert_allclose(
        got.keypoints - expected.keypoints,
        np.broadcast_to(0.5 * pixel * searched, got.keypoints.shape),
        atol=1e-5,
    )
