"""Pack a sample into the inputs of a model, without needless copies.

MMPose's ``PackPoseInputs`` turns pixels into planes in torch, ten times slower
than OpenCV does, and copies the annotation file's entry of every person.
"""

from typing import Sequence

import cv2
import numpy as np
import torch
from mmpose.datasets.transforms import PackPoseInputs
from mmpose.registry import TRANSFORMS

from .affine import forward_rows

# Workaround (mmpose<=1.3.2): `category_id`, among the keys of the default
# `PackPoseInputs`, reaches `CocoMetric` as an array, which stops with
# "unhashable type: 'list'"; it is not packed.
META_KEYS = tuple(
    key
    for key in PackPoseInputs().meta_keys
    if key not in ('category_id', 'raw_ann_info')
)


def image_planes(image: np.ndarray) -> torch.Tensor:
    """Return the pixels of an image as planes.

    Args:
        image (np.ndarray): (h, w, channels) or (h, w).

    Returns:
        Tensor: (channels, h, w), contiguous, of the type of the image.
    """
    h, w, channels = (*image.shape, 1)[:3]
    planes = np.empty((channels, h, w), dtype=image.dtype)
    cv2.split(image, list(planes))  # writes into the planes
    return torch.from_numpy(planes)


@TRANSFORMS.register_module()
class PackBottomupInputs(PackPoseInputs):
    """Pack ``inputs`` (channels, h, w) and ``data_samples``.

    The inputs are uint8, as loaded. ``gt_instances`` of the data samples also
    have ``areas`` and ``iscrowd``.

    Args:
        meta_keys (Sequence[str]): Metainfo of a data sample. Defaults to
            MMPose's without ``raw_ann_info`` and ``category_id``, which only
            a ``CocoMetric`` without ``ann_file`` needs.
        pack_transformed (bool): As in ``PackPoseInputs``; MMPose's
            ``browse_dataset.py`` sets it. Defaults to False.
    """

    instance_mapping_table = dict(
        PackPoseInputs.instance_mapping_table, area='areas', iscrowd='iscrowd'
    )

    def __init__(
        self,
        meta_keys: Sequence[str] = META_KEYS,
        pack_transformed: bool = False,
    ) -> None:
        super().__init__(
            meta_keys=meta_keys, pack_transformed=pack_transformed
        )

    def transform(self, results: dict) -> dict:
        """Pack the pixels as planes, and all else as MMPose does."""
        image = forward_rows(results['img'])
        packed = super().transform({**results, 'img': image[:1, :1]})
        packed['inputs'] = image_planes(image)
        return packed
