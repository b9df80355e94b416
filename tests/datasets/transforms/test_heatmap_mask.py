"""Where heatmaps are supervised, against pixels drawn on the image."""

import numpy as np
import pytest
import xtcocotools.mask as coco_mask
from mmengine.dataset import Compose
from mmpose.registry import TRANSFORMS

from poet_mm.datasets.transforms.affine import MEAN_BGR
from poet_mm.datasets.transforms.heatmap_mask import draw_segmentations

H, W = 96, 128
BOX = (20, 30, 70, 80)  # x1, y1, x2, y2 of a crowd
AFFINE = dict(type='RandomAffine', size=(64, 64), max_degrees=60)


def crowd():
    """A filled box, as a mask."""
    mask = np.zeros((H, W), dtype=np.uint8)
    mask[BOX[1] : BOX[3], BOX[0] : BOX[2]] = 1
    return mask


def box_forms():
    """The same region in the forms that COCO knows."""
    x1, y1, x2, y2 = BOX
    packed = coco_mask.encode(np.asfortranarray(crowd()))
    flat = crowd().T.flatten()
    ends = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *ends, flat.size]).tolist()
    return dict(
        polygon=[[x1, y1, x2, y1, x2, y2, x1, y2]],
        run_lengths=dict(size=[H, W], counts=counts),
        packed=packed,
        text=dict(packed, counts=packed['counts'].decode()),
    )


@pytest.mark.parametrize('form', box_forms())
def test_every_form_of_a_segmentation_counts(form):
    np.testing.assert_array_equal(
        draw_segmentations([box_forms()[form]], (H, W)), crowd()
    )


def test_union_and_nothing():
    forms = box_forms()
    other = [[100, 10, 110, 10, 110, 20, 100, 20]]
    both = draw_segmentations([forms['packed'], other, []], (H, W))
    assert both.sum() == crowd().sum() + 100
    assert not draw_segmentations([], (H, W)).any()


@pytest.mark.parametrize('seed', range(6))
@pytest.mark.parametrize('stride', [1, 4, 16])
def test_mask_follows_the_image(seed, stride):
    """The crowd has the colour that fills the outside of the image, the rest
    is white. Flipped first, as in the configs."""
    np.random.seed(seed)
    results = dict(
        img=np.where(crowd()[..., None], MEAN_BGR, 255).astype(np.uint8),
        img_shape=(H, W),
        ori_shape=(H, W),
        invalid_segs=[box_forms()['run_lengths']],
        flip_indices=[0, 2, 1, 4, 3],
    )
    flip = TRANSFORMS.build(dict(type='RandomFlip', prob=float(seed % 2)))
    move = TRANSFORMS.build(dict(type='WarpOnce', transforms=[AFFINE]))
    results = move(flip(results))
    cells = 64 // stride
    results['heatmaps'] = np.zeros((5, cells, cells), np.float32)
    mask = TRANSFORMS.build(dict(type='HeatmapMask'))(results)['heatmap_mask']
    assert mask.shape == (1, cells, cells)
    assert mask.dtype == bool
    white = results['img'][..., 0].astype(float)
    if stride > 1:  # the middle of a cell is the corner of four pixels
        middle = (stride // 2 - 1, stride // 2)
        around = [white[i::stride, j::stride] for i in middle for j in middle]
        white = sum(around) / 4
    # near the border of the crowd the two interpolations differ
    white = (white - MEAN_BGR[0]) / (255 - MEAN_BGR[0])
    clear = (white < 0.04) | (white > 0.96)
    np.testing.assert_array_equal(mask[0][clear], (white > 0.5)[clear])
    assert mask.any()


def test_ae_target_of_a_crowd_only():
    """There is no person to learn, but the crowd is not background."""
    codec = dict(
        type='AECodec', input_size=(64, 64), heatmap_size=(16, 16), sigma=1
    )
    target = dict(type='GenerateTarget', encoder=codec)
    steps = (
        AFFINE,
        target,
        dict(type='HeatmapMask'),
        dict(type='PackPoseInputs'),
    )
    pipeline = Compose([TRANSFORMS.build(step) for step in steps])
    packed = pipeline(
        dict(
            img=np.zeros((H, W, 3), np.uint8),
            img_shape=(H, W),
            ori_shape=(H, W),
            invalid_segs=[box_forms()['run_lengths']],
            keypoints=np.full((1, 5, 2), 50, np.float32),
            keypoints_visible=np.zeros((1, 5), np.float32),
            bbox=np.float32([BOX]),
            iscrowd=np.array([1]),
        )
    )['data_samples']
    assert packed.gt_instance_labels.keypoint_indices.shape == (0, 5, 2)
    assert not packed.gt_fields.heatmaps.any()
    assert packed.gt_fields.heatmap_mask.shape == (1, 16, 16)
    assert not packed.gt_fields.heatmap_mask.all()
