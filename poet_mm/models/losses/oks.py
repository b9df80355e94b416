"""Compute COCO's object keypoint similarity (paper Eq. 5) in torch.

1 - OKS is a term of the loss, an idea of YOLO-Pose (arXiv 2204.06806) and PETR
(Shi et al., CVPR 2022). ``evaluation/oks.py`` has the OKS of all pairs in
NumPy; the tests compare both with COCO's code.

Letters: K keypoints.
"""

from typing import Mapping

import torch
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from torch import Tensor

from ...errors import MissingFile
from ..targets import get_field


class KeypointSimilarity:
    """Compute the OKS of predicted people with a data set's sigmas.

    Args:
        metainfo (dict): Metainfo of the data set, as its config has it.

    Raises:
        MissingFile: The metainfo names a file that is not there.
    """

    def __init__(self, metainfo: dict) -> None:
        try:
            sigmas = parse_pose_metainfo(metainfo)['sigmas']
        except FileNotFoundError as error:
            raise MissingFile(
                f'{error} Set model.head.loss.metainfo.'
            ) from error
        self.sigmas = torch.as_tensor(sigmas, dtype=torch.float32)

    def __call__(
        self, pred: Mapping[str, Tensor], true: Mapping[str, Tensor]
    ) -> Tensor:
        """Return the OKS (...), in [0, 1], of broadcastable fields.

        It is 0 for people without a supervised keypoint.

        Raises:
            KeyError: Areas of people are not known.
            ValueError: If the numbers of keypoints and sigmas differ.
        """
        if 'scales' not in true:
            raise KeyError(
                'OKS needs the areas of people, and the annotations have none '
                "('area'). Add them, or set model.head.loss.oks_weight=0 and "
                'model.head.predict_oks=False.'
            )
        keypoints = get_field(pred, 'keypoints')
        if keypoints.shape[-2] != len(self.sigmas):
            raise ValueError(
                f'People have {keypoints.shape[-2]} keypoints, the metainfo '
                f'for their OKS has {len(self.sigmas)} sigmas. Set '
                'model.head.loss.metainfo to that of the data set.'
            )
        # no buffer, so that it is not in checkpoints
        self.sigmas = self.sigmas.to(keypoints.device)
        return matched_oks(
            keypoints,
            get_field(true, 'keypoints'),
            true['keypoint_weights'],
            true['scales'],
            self.sigmas,
        )


def matched_oks(
    pred: Tensor, true: Tensor, weights: Tensor, scales: Tensor, sigmas: Tensor
) -> Tensor:
    """Return the OKS of each predicted person with its ground truth.

    Args:
        pred (Tensor): Keypoints (..., K, 2), x and y in [0, 1] of the image.
        true (Tensor): The same of the ground truth.
        weights (Tensor): (..., K), 1 for keypoints that count, else 0.
        scales (Tensor): (..., 2), width and height of the image in units of
            the square root of the person's area.
        sigmas (Tensor): (K, ), as in the metainfo of a data set.

    Returns:
        Tensor: (...), in [0, 1]; 0 for a person without a keypoint that
        counts.
    """
    distance = ((pred - true) * scales.unsqueeze(-2)).square().sum(-1)
    similarity = (-distance / (2 * (2 * sigmas) ** 2)).exp()  # (..., K)
    return (similarity * weights).sum(-1) / weights.sum(-1).clamp(min=1)
