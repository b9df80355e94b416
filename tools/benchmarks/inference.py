"""Images to people, network and post-processing, against AE-R50 at stride 4.

The incumbent is MMPose's AE head on ResNet-50 with MMPose's settings: flip
test and heatmaps restored to the size of the input (without flip test it does
not run in MMPose 1.3). Since that means two passes, a second row has AE in the
mended form of this repository with one. Images have 512 x 512 pixels; what the
AE heads compute is replaced by maps of four people, so that decoding has
people to find.
"""
from functools import partial
from typing import Dict

import numpy as np
import torch
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample
from torch import nn

from poet_mm.apis.fast_backbone import as_fast_backbone

from . import as_timing, measure, time_call
from .ae import random_maps
from .models import build_model, read_model_config

THREADS = None
SIZE, CELLS, PEOPLE = 512, 128, 4


def make_batch(num_images: int, num_keypoints: int) -> Dict:
    """Test images as a data loader gives them."""
    meta = dict(
        img_shape=(SIZE, SIZE),
        input_size=(SIZE, SIZE),
        input_center=np.full(2, SIZE / 2),
        input_scale=np.full(2, SIZE),
        flip_indices=[*range(num_keypoints)])
    samples = [PoseDataSample(metainfo=meta) for _ in range(num_images)]
    for sample in samples:
        sample.gt_instances = InstanceData()
    image = torch.randint(0, 256, (3, SIZE, SIZE), dtype=torch.uint8)
    return dict(inputs=[image] * num_images, data_samples=samples)


def as_mmpose(cfg):
    """Our AE config -> MMPose's head and codec with its settings."""
    head = cfg.model.head
    codec = dict(
        type='AssociativeEmbedding',
        input_size=(SIZE, SIZE),
        heatmap_size=(SIZE, SIZE),  # decoded at the size of the input
        sigma=2,
        decode_keypoint_order=head.decoder.decode_keypoint_order,
        decode_center_shift=0.5)
    cfg.model.head = dict(
        type='AssociativeEmbeddingHead',
        in_channels=head.in_channels,
        num_keypoints=head.num_keypoints,
        tag_dim=1,
        tag_per_keypoint=True,
        deconv_out_channels=head.deconv_out_channels,
        deconv_kernel_sizes=head.deconv_kernel_sizes,
        keypoint_loss=dict(type='KeypointMSELoss', use_target_weight=True),
        tag_loss=dict(type='AssociativeEmbeddingLoss', loss_weight=0.001),
        decoder=codec)
    cfg.model.test_cfg = dict(
        multiscale_test=False,
        flip_test=True,
        shift_heatmap=False,
        restore_heatmap_size=True,
        align_corners=False)
    return cfg


class KnownMaps:
    """The head's ``forward``: computes, then answers with known maps.

    The second of two passes is the one over the flipped image.
    """

    def __init__(self, head: nn.Module, flip: bool) -> None:
        self.forward, self.flip, self.calls = head.forward, flip, 0
        # Noise would have several peaks a joint when enlarged.
        self.maps = random_maps(
            PEOPLE, CELLS, np.random.default_rng(0), noise=0.0)

    def __call__(self, feats):
        heatmaps, _ = self.forward(feats)
        flipped = self.flip and self.calls % 2 == 1
        self.calls += 1
        maps = (x.flip(-1) if flipped else x for x in self.maps)
        return tuple(
            x.expand(len(heatmaps), -1, -1, -1).to(heatmaps) for x in maps)


def build_ae(device, mended: bool) -> nn.Module:
    cfg = read_model_config('ae_r50_s4_512_coco')
    if mended:
        cfg.model.test_cfg = dict(flip_test=False, restore_heatmap_size=False)
    else:
        cfg = as_mmpose(cfg)
    model = build_model(cfg, device).eval()
    model.head.forward = KnownMaps(model.head, flip=not mended)
    return model


def build_poet(device) -> nn.Module:
    cfg = read_model_config('poet_r50_512_coco')
    model = build_model(cfg, device).eval()
    model.backbone = as_fast_backbone(model.backbone)  # as POETInferencer does
    return model


@torch.no_grad()
def run_test_step(model, batch):
    return model.test_step(batch)


@torch.no_grad()
def post_processing(model, batch, repeat) -> float:
    """Milliseconds per image of what follows the network."""
    data = model.data_preprocessor(batch)
    outputs = model.head.forward(
        model.extract_feat(data['inputs']), data['data_samples'])
    forward = model.head.forward
    model.head.forward = lambda *_: outputs
    try:
        seconds = [
            time_call(lambda: model.add_pred_to_datasample(
                model.head.predict(None, data['data_samples']), None, data[
                    'data_samples'])) for _ in range(repeat)
        ]
    finally:
        model.head.forward = forward
    return as_timing(seconds).median / len(batch['inputs'])


def run(args):
    """Both incumbents, one image and a batch (quick: the first of them)."""
    batches = args.images[:1] if args.quick else args.images
    poet = build_poet(args.device)
    K = poet.head.num_keypoints
    rows = []
    for mended, name in ((False, 'MMPose AE-R50 s4, flip test'),
                         (True, 'mended AE-R50 s4, one pass')):
        ae = build_ae(args.device, mended)
        for num_images in batches:
            batch = make_batch(num_images, K)
            found = len(run_test_step(ae, batch)[0].pred_instances)
            assert found == PEOPLE, f'{name} found {found} people'
            row = measure(
                f'{num_images} image(s)',
                name,
                partial(run_test_step, ae, batch),
                partial(run_test_step, poet, batch),
                max(2, args.repeat // num_images),
                floor=None if mended else 3)
            post = post_processing(poet, batch, args.repeat)
            row.note = f'{post:.2f} ms per image after the network (floor 1)'
            rows.append(row)
    return rows
