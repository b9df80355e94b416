"""Encode people as heatmaps and tags, and decode them.

Source: Associative Embedding (arXiv 1611.05424), on top of MMPose's codec.
Differences from it, besides those of :mod:`.grouping`:

- The positions of keypoints reach the head: `label_mapping_table` names them.
- A keypoint belongs to its cell, and a cell to its centre, in both directions.
  MMPose encodes to the nearest cell corner and (with
  ``decode_center_shift=0.5``, as its config has it) decodes peaks from
  centres, half a cell apart: 2 pixels at stride 4, but 16 at stride 32.
  MMPose 0.x trained and decoded its checkpoints as here; it also moves
  searched keypoints by a quarter of a cell.
- Crowds are not encoded. Labelled is v > 0, hidden keypoints included.
- A Gaussian is centred on its cell for any sigma.

Letters: N people, K keypoints, (W, H) cells, L tags of a keypoint, G people
found.
"""

from typing import List, Optional, Sequence, Tuple

import numpy as np
from mmpose.codecs.associative_embedding import AssociativeEmbedding
from mmpose.registry import KEYPOINT_CODECS
from torch import Tensor

from .grouping import decode_people


def draw_gaussians(
    cells: np.ndarray,
    channels: np.ndarray,
    sigma: float,
    shape: Tuple[int, int, int],
) -> np.ndarray:
    """Draw Gaussians of height 1; overlaps keep the maximum.

    Args:
        cells (np.ndarray): (M, 2), x and y of whole cells in the map.
        channels (np.ndarray): (M, ), channel of each.
        sigma (float): In cells.
        shape (tuple): (K, H, W) of the heatmaps.

    Returns:
        np.ndarray: (K, H, W), float32.
    """
    K, H, W = shape
    radius = int(3 * sigma)
    reach = np.arange(-radius, radius + 1)  # (R, )
    bell = np.exp(-(reach**2) / (2 * sigma**2)).astype(np.float32)
    padded = np.zeros((K, H + 2 * radius, W + 2 * radius), dtype=np.float32)
    x, y = (cells[..., None] + radius + reach).transpose(1, 0, 2)  # (M, R)
    np.maximum.at(
        padded,
        (channels[:, None, None], y[:, :, None], x[:, None]),
        bell[:, None] * bell,
    )
    return padded[:, radius : radius + H, radius : radius + W]


# Workaround (mmpose<=1.3.2): `AssociativeEmbedding` names no
# `label_mapping_table`, so that the positions of keypoints never reach the
# head, and encodes half a cell away from where it decodes.
@KEYPOINT_CODECS.register_module()
class AECodec(AssociativeEmbedding):
    """Encode people as heatmaps and positions of tags; decode by grouping.

    Args:
        input_size (tuple): (w, h) of the training images in pixels.
        heatmap_size (tuple): (W, H) of the heatmaps for them; the quotient is
            the stride.
        sigma (float): Of the Gaussians, in cells.
        decode_keypoint_order (Sequence[int], optional): Order in which
            keypoints are grouped, the most certain first. Defaults to that of
            the skeleton.
        decode_nms_kernel (int): As in MMPose, and with its default, see
            :func:`decode_people`.
        decode_keypoint_thr (float): The same.
        decode_tag_thr (float): The same.
        decode_topk (int): The same.
        decode_max_instances (int, optional): The same.
        decode_center_shift (float, optional): Positions of MMPose 1.x: this
            part of a cell is added to the corner of a peak's cell, and
            nothing to that of a searched keypoint. Its published AP was
            measured with 0.5. Defaults to None, the centre of the cell for
            both.
    """

    auxiliary_encode_keys = {'iscrowd', 'img_shape'}
    field_mapping_table = dict(
        heatmaps='heatmaps', heatmap_mask='heatmap_mask'
    )
    label_mapping_table = dict(keypoint_indices='keypoint_indices')

    def __init__(
        self,
        input_size: Tuple[int, int],
        heatmap_size: Tuple[int, int],
        sigma: float,
        decode_keypoint_order: Sequence[int] = (),
        decode_nms_kernel: int = 5,
        decode_keypoint_thr: float = 0.1,
        decode_tag_thr: float = 1.0,
        decode_topk: int = 30,
        decode_max_instances: Optional[int] = None,
        decode_center_shift: Optional[float] = None,
    ) -> None:
        if decode_nms_kernel < 3 or decode_nms_kernel % 2 == 0:
            raise ValueError(
                f'decode_nms_kernel is {decode_nms_kernel}, '
                'expected an odd number of at least 3 cells.'
            )
        super().__init__(
            input_size=input_size,
            heatmap_size=heatmap_size,
            sigma=sigma,
            decode_keypoint_order=list(decode_keypoint_order),
            decode_nms_kernel=decode_nms_kernel,
            decode_keypoint_thr=decode_keypoint_thr,
            decode_tag_thr=decode_tag_thr,
            decode_topk=decode_topk,
            decode_max_instances=decode_max_instances,
            decode_center_shift=decode_center_shift,
        )

    def encode(
        self,
        keypoints: np.ndarray,
        keypoints_visible: np.ndarray,
        iscrowd: Optional[Sequence[int]] = None,
        img_shape: Optional[Tuple[int, int]] = None,
    ) -> dict:
        """Return the training target of one image.

        Args:
            keypoints (np.ndarray): (N, K, 2), x and y in input pixels.
            keypoints_visible (np.ndarray): (N, K), 0 for not labelled.
            iscrowd (Sequence[int], optional): (N, ), 1 for a crowd region.
            img_shape (tuple, optional): Height and width of the image, checked
                against ``input_size``.

        Returns:
            dict: ``heatmaps`` (K, H, W); ``keypoint_indices`` (N, K, 2),
            int64: the cell ``y * W + x`` of each keypoint, and 1 if it counts.
        """
        if img_shape and tuple(img_shape[:2]) != tuple(self.input_size[::-1]):
            raise ValueError(
                f'AECodec got an image of {img_shape[1]} x {img_shape[0]} '
                f'pixels, expected input_size {tuple(self.input_size)}: end '
                'the geometry of the training pipeline with RandomAffine, '
                'size=input_size.'
            )
        if iscrowd is not None:
            people = ~np.asarray(iscrowd, dtype=bool)
            keypoints = keypoints[people]
            keypoints_visible = keypoints_visible[people]

        W, H = self.heatmap_size
        counts = (
            (keypoints_visible > 0)
            & (keypoints >= 0).all(-1)
            & (keypoints <= self.input_size).all(-1)
        )  # (N, K)
        points = np.where(counts[..., None], keypoints, 0)
        cells = (points / self.scale_factor).astype(np.int64)
        cells = np.minimum(cells, (W - 1, H - 1))  # a keypoint on the far edge
        index = cells[..., 1] * W + cells[..., 0]
        heatmaps = draw_gaussians(
            cells[counts],
            np.nonzero(counts)[1],
            self.sigma,
            (keypoints.shape[1], H, W),
        )
        return dict(
            heatmaps=heatmaps,
            keypoint_indices=np.stack([index, counts], axis=-1),
        )

    def batch_decode(
        self,
        batch_heatmaps: Tensor,
        batch_tags: Tensor,
        cell_size: Optional[Tuple[float, float]] = None,
    ) -> Tuple[List[np.ndarray], List[np.ndarray], List[np.ndarray]]:
        """Decode a batch of maps of any size.

        Args:
            batch_heatmaps (Tensor): (B, K, H, W), -inf where no person can be.
            batch_tags (Tensor): (B, L * K, H, W), the first tag of all
                keypoints first.
            cell_size (tuple, optional): Width and height of a cell in input
                pixels. Defaults to the stride of the training.

        Returns:
            tuple: One array per image in each of three lists: keypoints
            (G, K, 2) in input pixels, their scores (G, K), and scores of the
            people (G, ).
        """
        K = batch_heatmaps.shape[1]
        order = self.decode_keypoint_order or range(K)
        if sorted(order) != list(range(K)):
            raise ValueError(
                f'decode_keypoint_order is {order}, expected each of the {K} '
                'keypoints once.'
            )
        if cell_size is None:
            cell_size = self.scale_factor
        people = decode_people(
            batch_heatmaps,
            batch_tags,
            keypoint_order=order,
            threshold=self.decode_keypoint_thr,
            tag_thr=self.decode_tag_thr,
            kernel=self.decode_nms_kernel,
            topk=self.decode_topk,
            max_people=self.decode_max_instances,
            center_shift=self.decode_center_shift,
        )
        points, scores, person_scores = zip(*people)
        return [xy * cell_size for xy in points], [*scores], [*person_scores]
