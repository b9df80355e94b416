"""AEHead: features -> heatmaps and tags -> people.

Source: MMPose's ``AssociativeEmbeddingHead``, which defines the layers.
Differences from it: the loss takes what :class:`AECodec` encodes; prediction
works for padded batches and any ``flip_test`` and ``restore_heatmap_size``;
keypoints are always in input pixels.

Letters: B images, K keypoints, (H, W) cells, L tags of a keypoint.
"""

from typing import Dict, List, Tuple, Union

import torch
from mmengine.structures import InstanceData, PixelData
from mmpose.models.heads import AssociativeEmbeddingHead
from mmpose.models.utils.tta import flip_heatmaps
from mmpose.registry import MODELS
from mmpose.utils.typing import (
    ConfigType,
    Features,
    OptConfigType,
    Predictions,
    SampleList,
)
from torch import Tensor
from torch.nn import functional as F

from ..layers.padding import padding_mask
from ..layers.precision import full_precision


def restore_size(maps: Tensor, size: Tuple[int, int], border: str) -> Tensor:
    """Enlarge maps to the size of the input.

    A border of one cell is added first. Without it, bilinear resizing repeats
    the outermost value, and rising scores give false peaks at the border.

    Args:
        maps (Tensor): (B, C, H, W).
        size (tuple[int, int]): (h, w), multiples of (H, W).
        border (str): Padding mode of ``F.pad``; 'constant' is 0.

    Returns:
        Tensor: (B, C, h, w).
    """
    y, x = size[0] // maps.shape[2], size[1] // maps.shape[3]  # of a cell
    maps = F.pad(maps, (1, 1, 1, 1), mode=border)
    maps = F.interpolate(maps, scale_factor=(y, x), mode='bilinear')
    return maps[:, :, y:-y, x:-x]


# Workaround (mmpose<=1.3.2): `AssociativeEmbeddingHead` passes weights of the
# wrong shape to its loss, raises with flip_test=False (a tuple where a list is
# expected) and restores the size of heatmaps only with flip_test=True.
@MODELS.register_module()
class AEHead(AssociativeEmbeddingHead):
    """Predict heatmaps and tags on the last feature level of any backbone.

    Args:
        keypoint_loss (dict): Config of :class:`MaskedMSELoss`.
        tag_loss (dict): Config of :class:`AELoss`.
        decoder (dict): Config of :class:`AECodec`, the one that the
            pipeline's ``GenerateTarget`` uses.
        **kwargs: As in MMPose's head: ``in_channels``, ``num_keypoints``,
            ``tag_dim``, ``deconv_out_channels``, ``deconv_kernel_sizes``, ...
            Each of the (three) deconvolutions halves the stride.
    """

    def __init__(
        self,
        *,
        decoder: ConfigType,
        keypoint_loss: ConfigType,
        tag_loss: ConfigType,
        **kwargs,
    ) -> None:
        super().__init__(
            decoder=decoder,
            keypoint_loss=keypoint_loss,
            tag_loss=tag_loss,
            **kwargs,
        )  # without defaults: those of MMPose do not fit

    def forward(self, feats: Features) -> Tuple[Tensor, Tensor]:
        """Return heatmaps (B, K, H, W) and tags (B, L * K, H, W)."""
        heatmaps, tags = super().forward(feats)
        if not self.tag_per_keypoint:
            tags = tags.repeat_interleave(self.num_keypoints, dim=1)
        return heatmaps, tags

    def loss(
        self,
        feats: Tuple[Tensor],
        batch_data_samples: SampleList,
        train_cfg: OptConfigType = None,
    ) -> Dict[str, Tensor]:
        """Return ``loss_heatmap``, ``loss_pull`` and ``loss_push``."""
        heatmaps, tags = self.forward(feats)
        with full_precision(heatmaps):
            fields = [sample.gt_fields for sample in batch_data_samples]
            target = torch.stack([field.heatmaps for field in fields])
            self._check_target(heatmaps, target)
            mask = torch.stack([field.heatmap_mask for field in fields])
            loss_heatmap = self.loss_module.keypoint_loss(
                heatmaps.float(), target, mask
            )
            loss_pull, loss_push = self.loss_module.tag_loss(
                tags.float(),
                [
                    sample.gt_instance_labels.keypoint_indices
                    for sample in batch_data_samples
                ],
            )
        return dict(
            loss_heatmap=loss_heatmap, loss_pull=loss_pull, loss_push=loss_push
        )

    def predict(
        self,
        feats: Union[Features, List[Features]],
        batch_data_samples: SampleList,
        test_cfg: OptConfigType = None,
    ) -> Predictions:
        """Predict the people of every image.

        Args:
            feats (Features | list[Features]): Feature levels; with
                ``flip_test`` those of the images and of the flipped images.
            batch_data_samples (list[PoseDataSample]): For ``img_shape``,
                ``batch_input_shape`` and ``flip_indices``.
            test_cfg (dict, optional): ``flip_test``: average with the flipped
                image; ``restore_heatmap_size``: enlarge the maps to the size
                of the input before decoding; ``output_heatmaps``: return them
                as well. All default to False.

        Returns:
            list[InstanceData]: ``keypoints`` (G, K, 2) in input pixels,
            ``keypoint_scores`` (G, K), ``bbox_scores`` (G, ) for G people;
            with ``output_heatmaps`` also a list of :class:`PixelData`.
        """
        test_cfg = test_cfg or {}
        if test_cfg.get('multiscale_test', False):
            raise ValueError(
                'AEHead predicts at one scale: set '
                'model.test_cfg.multiscale_test=False.'
            )
        if test_cfg.get('flip_test', False):
            plain, flipped = feats
            heatmaps, tags = self._forward_flipped(
                plain, flipped, batch_data_samples[0].metainfo['flip_indices']
            )
        else:
            heatmaps, tags = self.forward(feats)
        heatmaps, tags = heatmaps.float(), tags.float()

        input_shape = batch_data_samples[0].metainfo['batch_input_shape']
        self._check_size(heatmaps, input_shape)
        if test_cfg.get('restore_heatmap_size', False):
            heatmaps = restore_size(heatmaps, input_shape, border='constant')
            tags = restore_size(tags, input_shape, border='replicate')
        cell_size = (
            input_shape[1] / heatmaps.shape[3],
            input_shape[0] / heatmaps.shape[2],
        )
        padding = padding_mask(batch_data_samples, heatmaps)  # (B, H, W)
        scores_inside = (
            heatmaps
            if padding is None
            else heatmaps.masked_fill(padding[:, None], float('-inf'))
        )
        people = [
            InstanceData(
                keypoints=keypoints,
                keypoint_scores=keypoint_scores,
                bbox_scores=scores,
            )
            for keypoints, keypoint_scores, scores in zip(
                *self.decoder.batch_decode(scores_inside, tags, cell_size)
            )
        ]
        if not test_cfg.get('output_heatmaps', False):
            return people
        return people, [
            PixelData(heatmaps=heatmap, tags=tag)
            for heatmap, tag in zip(heatmaps, tags)
        ]

    def _forward_flipped(
        self, feats: Features, flipped: Features, flip_indices: List[int]
    ) -> Tuple[Tensor, Tensor]:
        """Return mean heatmaps, and the tags of both images."""
        heatmaps, tags = self.forward(feats)
        heatmaps_flipped, tags_flipped = self.forward(flipped)
        L = tags.shape[1] // self.num_keypoints
        heatmaps_flipped = flip_heatmaps(
            heatmaps_flipped, flip_indices, shift_heatmap=False
        )
        tags_flipped = torch.cat(
            [
                flip_heatmaps(tag, flip_indices, shift_heatmap=False)
                for tag in tags_flipped.chunk(L, dim=1)
            ],
            1,
        )
        return (heatmaps + heatmaps_flipped) / 2, torch.cat(
            [tags, tags_flipped], dim=1
        )

    def _check_size(
        self, heatmaps: Tensor, input_shape: Tuple[int, int]
    ) -> None:
        """Raise unless the sides of the input are multiples of the maps'."""
        if any(
            pixels % cells
            for pixels, cells in zip(input_shape, heatmaps.shape[2:])
        ):
            raise ValueError(
                f'Images of {input_shape[1]} x {input_shape[0]} pixels are '
                'not a whole number of cells of the heatmaps, '
                f'{heatmaps.shape[3]} x {heatmaps.shape[2]}. Set '
                'model.data_preprocessor.pad_size_divisor to the stride of '
                'the backbone.'
            )

    def _check_target(self, heatmaps: Tensor, target: Tensor) -> None:
        if heatmaps.shape != target.shape:
            raise ValueError(
                f'AEHead gives heatmaps {tuple(heatmaps.shape)}, the training '
                f'target is {tuple(target.shape)} (images, keypoints, '
                'height, width). heatmap_size of the codec must be '
                'input_size / stride, num_keypoints of the head that of the '
                'data.'
            )
