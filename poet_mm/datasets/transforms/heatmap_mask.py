"""Mask the part of a heatmap that is supervised.

Differences from MMPose's ``BottomupGetHeatmapMask``: crowds count, which COCO
describes by run lengths (it skips them); the mask is drawn on the original
image, then flipped and moved like the image; it has the size of the heatmaps.
"""

from typing import List, Tuple, Union

import mmcv
import numpy as np
import xtcocotools.mask as coco_mask
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS

from .affine import compose, warp_image

Segmentation = Union[dict, List[List[float]]]


def draw_segmentations(
    segmentations: List[Segmentation], shape: Tuple[int, int]
) -> np.ndarray:
    """Return the union of COCO's segmentations (polygons or run lengths).

    Args:
        segmentations (list): Of any number of people or crowds.
        shape (tuple[int, int]): (h, w) of the image.

    Returns:
        np.ndarray: (h, w), uint8, 1 inside.
    """
    runs = []
    for segmentation in segmentations:
        if isinstance(segmentation, dict) and isinstance(
            segmentation['counts'], (str, bytes)
        ):
            runs.append(segmentation)
        elif segmentation:
            drawn = coco_mask.frPyObjects(segmentation, *shape)
            runs.extend(drawn if isinstance(drawn, list) else [drawn])
    if not runs:
        return np.zeros(shape, dtype=np.uint8)
    # COCO stores the mask by columns.
    return np.ascontiguousarray(coco_mask.decode(coco_mask.merge(runs)))


# Workaround (mmpose<=1.3.2): `BottomupGetHeatmapMask` ignores the run
# lengths of crowds, so they are trained as background.
@TRANSFORMS.register_module()
class HeatmapMask(BaseTransform):
    """Add ``heatmap_mask`` (1, H, W) for the ``heatmaps`` (K, H, W).

    It is True in the image, False outside of it and on ``invalid_segs``, the
    crowds and the people without labelled keypoints. Use it after
    ``GenerateTarget`` and a transform that sets ``warp_mat``.
    """

    def transform(self, results: dict) -> dict:
        """Draw the mask, flip it, and sample it at the centres of cells."""
        h, w = results['ori_shape'][:2]
        valid = 1 - draw_segmentations(results.get('invalid_segs', []), (h, w))
        if results.get('flip'):
            valid = mmcv.imflip(valid, results['flip_direction'])
        H, W = results['heatmaps'].shape[1:]
        input_w, input_h = results['input_size']
        to_cells = np.diag([W / input_w, H / input_h, 1])[:2]
        matrix = compose(to_cells, results['warp_mat'])
        mask = warp_image(valid, matrix, (W, H), fill=(0,))
        results['heatmap_mask'] = mask[None] > 0
        return results
