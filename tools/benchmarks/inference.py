"""Compare inference, from image to people, with AE-R50 at stride 4.

AE also finds people without a detector. Both sides run network and
post-processing on images of 512 x 512 pixels. "One pass" is AE as poet_mm
repairs it, since MMPose 1.3's head does not run without flip test. "Flip test"
is MMPose's head with MMPose's settings: two passes, and heatmaps restored to
the size of the input. POET and "one pass" have folded batch norms and
channels-last feature maps, as in POETInferencer. Maps of four people replace
what the AE heads compute, so that decoding has people to find.
"""

from functools import partial
from typing import Dict

import numpy as np
import torch
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample
from torch import nn

from poet_mm.apis.fast_backbone import as_fast_backbone

from . import measure
from .ae import random_maps
from .models import build_model, read_model_config

THREADS = None
SIZE, CELLS, PEOPLE = 512, 128, 4


def make_batch(num_images: int, num_keypoints: int) -> Dict:
    """Return test images as a data loader gives them."""
    meta = dict(
        img_shape=(SIZE, SIZE),
        input_size=(SIZE, SIZE),
        input_center=np.full(2, SIZE / 2),
        input_scale=np.full(2, SIZE),
        flip_indices=[*range(num_keypoints)],
    )
    samples = [PoseDataSample(metainfo=meta) for _ in range(num_images)]
    for sample in samples:
        sample.gt_instances = InstanceData()
    image = torch.randint(0, 256, (3, SIZE, SIZE), dtype=torch.uint8)
    return dict(inputs=[image] * num_images, data_samples=samples)


def as_mmpose(cfg):
    """Change our AE config to MMPose's head and codec with its settings."""
    head = cfg.model.head
    codec = dict(
        type='AssociativeEmbedding',
        input_size=(SIZE, SIZE),
        heatmap_size=(SIZE, SIZE),  # decoded at the size of the input
        sigma=2,
        decode_keypoint_order=head.decoder.decode_keypoint_order,
        decode_center_shift=0.5,
    )
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
        decoder=codec,
    )
    cfg.model.test_cfg = dict(
        multiscale_test=False,
        flip_test=True,
        shift_heatmap=False,
        restore_heatmap_size=True,
        align_corners=False,
    )
    return cfg


class KnownMaps:
    """Run the head's ``forward``, and return known maps instead.

    The second of two passes is the one over the flipped image.
    """

    def __init__(self, head: nn.Module, flip: bool) -> None:
        self.forward, self.flip, self.calls = head.forward, flip, 0
        # Noise would have several peaks a keypoint when enlarged.
        self.maps = random_maps(
            PEOPLE, CELLS, np.random.default_rng(0), noise=0.0
        )

    def __call__(self, feats):
        """Return heatmaps and tags of a batch."""
        heatmaps, _ = self.forward(feats)
        flipped = self.flip and self.calls % 2 == 1
        self.calls += 1
        maps = (x.flip(-1) if flipped else x for x in self.maps)
        return tuple(
            x.expand(len(heatmaps), -1, -1, -1).to(heatmaps) for x in maps
        )


def build_ae(device, flip: bool) -> nn.Module:
    """Build MMPose's AE with flip test, or ours with one pass."""
    cfg = read_model_config('ae_r50_s4_512_coco')
    if flip:
        cfg = as_mmpose(cfg)
    else:
        cfg.model.test_cfg = dict(flip_test=False, restore_heatmap_size=False)
    model = build_model(cfg, device).eval()
    if not flip:
        model.backbone = as_fast_backbone(model.backbone)
    model.head.forward = KnownMaps(model.head, flip=flip)
    return model


def build_poet(device) -> nn.Module:
    """Build POET as POETInferencer does."""
    cfg = read_model_config('poet_r50_512_coco')
    model = build_model(cfg, device).eval()
    model.backbone = as_fast_backbone(model.backbone)
    return model


@torch.no_grad()
def run_test_step(model, batch):
    return model.test_step(batch)


def run(args, batch_sizes=(1, 8)):
    """Return rows of both baselines at every size of a batch."""
    poet = build_poet(args.device)
    rows = []
    for flip, name in (
        (False, 'AE-R50 stride 4, one pass'),
        (True, 'MMPose AE-R50 stride 4, flip test'),
    ):
        ae = build_ae(args.device, flip)
        for size in batch_sizes[:1] if args.quick else batch_sizes:
            batch = make_batch(size, poet.head.num_keypoints)
            found = len(run_test_step(ae, batch)[0].pred_instances)
            assert found == PEOPLE, f'{name} found {found} people'
            rows.append(
                measure(
                    f'{size} image(s)',
                    name,
                    partial(run_test_step, ae, batch),
                    partial(run_test_step, poet, batch),
                    args,
                )
            )
    return rows
