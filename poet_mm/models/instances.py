"""Convert predicted fields to MMPose's instances.

Letters: L decoder layers, B images, Q queries, K keypoints.
"""

from typing import Dict, List, Mapping

import numpy as np
from mmengine.structures import InstanceData
from mmpose.utils.typing import InstanceList
from scipy.special import expit, logit
from torch import Tensor

from ..codecs.poet_codec import PERSON, POETCodec
from ..errors import UserError
from .targets import Fields

EPSILON = 1e-6  # visibility is clipped to this distance from 0 and 1


def to_instances(
    outputs: Fields, codec: POETCodec, metainfos: List[Mapping]
) -> InstanceList:
    """Return the last layer's poses of every image.

    Args:
        outputs (dict): Fields (L, B, Q, ...), see :meth:`POETHead.forward`.
        codec (POETCodec): Undoes their coordinates.
        metainfos (list[Mapping]): Of the B images, ``img_shape`` and what
            :func:`to_original` needs.

    Returns:
        list[InstanceData]: Of each image, for all Q queries: ``keypoints``
        (Q, K, 2) in pixels of the network's input, which MMPose's estimator
        moves to the original image; ``centers`` (Q, 2) in pixels of the
        original image, as the estimator does not move them; ``visibility``
        (Q, K);
        ``bbox_scores`` (Q, ), see :func:`person_scores`;
        ``keypoint_scores`` and ``keypoints_visible`` (Q, K), the product of
        both: MMPose hides keypoints of low ``keypoints_visible``.
    """
    arrays = {
        name: values[-1].cpu().numpy() for name, values in outputs.items()
    }
    arrays['scores'] = person_scores(outputs)[-1].cpu().numpy()
    return [
        _instances(
            {name: values[i] for name, values in arrays.items()},
            codec,
            metainfo,
        )
        for i, metainfo in enumerate(metainfos)
    ]


def person_scores(fields: Fields) -> Tensor:
    """Return the score (...) that ranks poses, in [0, 1].

    It is the probability of a person. With ``predict_oks`` it is the expected
    OKS: this probability times the OKS if it is a person.
    """
    scores = fields['logits'].softmax(-1)[..., PERSON]
    if 'oks_logits' in fields:
        scores = scores * fields['oks_logits'].sigmoid()
    return scores


def _instances(
    fields: Dict[str, np.ndarray], codec: POETCodec, metainfo: Mapping
) -> InstanceData:
    """Return the instances of one image from its fields (Q, ...)."""
    img_shape = metainfo['img_shape']
    keypoints, visibility = codec.decode(fields, img_shape)
    centers = codec.decode_centers(fields, img_shape)
    scores = fields['scores']
    keypoint_scores = scores[:, None] * visibility
    return InstanceData(
        keypoints=keypoints,
        centers=to_original(centers, metainfo),
        keypoint_scores=keypoint_scores,
        keypoints_visible=keypoint_scores.copy(),
        visibility=visibility,
        bbox_scores=scores,
    )


def to_original(points: np.ndarray, metainfo: Mapping) -> np.ndarray:
    """Return points of the input image as points of the original image.

    It undoes resizes and crops, as MMPose's ``BottomupPoseEstimator`` does for
    keypoints and boxes.

    Args:
        points (np.ndarray): (..., 2), x and y in pixels of the input.
        metainfo (Mapping): ``input_size`` (w, h) in pixels of the input,
            ``input_center`` and ``input_scale`` (2,) in original pixels.

    Returns:
        np.ndarray: (..., 2), x and y in pixels of the original image.
    """
    scale = np.asarray(metainfo['input_scale'])
    corner = metainfo['input_center'] - 0.5 * scale
    return points / np.asarray(metainfo['input_size']) * scale + corner


def visibility_logits(visibility: np.ndarray) -> np.ndarray:
    """Return the finite logits (...) of visibility (...), as float64."""
    return logit(np.clip(visibility.astype(float), EPSILON, 1 - EPSILON))


def apply_temperature(
    visibility: np.ndarray, temperature: float
) -> np.ndarray:
    """Return sigmoid(logit(visibility) / temperature).

    Args:
        visibility (np.ndarray): (...), in [0, 1].
        temperature (float): Above 1 it moves visibility towards 0.5.

    Returns:
        np.ndarray: (...), of the same dtype and on the same side of 0.5.
    """
    calibrated = expit(visibility_logits(visibility) / temperature)
    return calibrated.astype(visibility.dtype)


def calibrate(instances: InstanceData, temperature: float) -> None:
    """Apply a temperature to ``visibility`` and to what depends on it.

    Args:
        instances (InstanceData): From :func:`to_instances`, changed in place.
        temperature (float): See :func:`apply_temperature`.

    Raises:
        UserError: The model predicts no visibility.
    """
    if 'visibility' not in instances:
        raise UserError(
            'calibrate needs predicted visibility, which only POET has. Leave '
            'out calibrate.'
        )
    visibility = apply_temperature(instances.visibility, temperature)
    scores = instances.bbox_scores[:, None] * visibility  # (Q, K)
    instances.visibility = visibility
    instances.keypoint_scores = scores
    instances.keypoints_visible = scores.copy()
