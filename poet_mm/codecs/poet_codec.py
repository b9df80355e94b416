"""Encode people as centres, offsets and visibility, and decode them.

Source: POET (arXiv 2103.12115v1), section 3.1.

Letters: N people in an image, K keypoints.
"""

import logging
from typing import Mapping, Optional, Sequence, Tuple

import numpy as np
from mmengine.logging import print_log
from mmpose.codecs.base import BaseKeypointCodec
from mmpose.registry import KEYPOINT_CODECS

PERSON, EMPTY_PERSON = 0, 1  # class indices; the last logit is no object
HIDDEN, VISIBLE = 1, 2  # COCO's v; 0 is 'not labelled'
WARN_AFTER = 100


@KEYPOINT_CODECS.register_module()
class POETCodec(BaseKeypointCodec):
    """Encode people as centres, offsets and visibility, and back.

    All coordinates are divided by the size of the un-padded image, so that
    ``centers`` lie in [0, 1] and ``offsets`` in [-1, 1]. A keypoint
    outside of the image counts as not labelled.

    Args:
        supervise (str): Keypoints whose coordinates are learned and whose
            mean is the person's centre: ``'visible'`` (v = 2, the paper and
            its release) or ``'labelled'`` (v > 0, which COCO's OKS scores).
        empty_class (bool): Give people without a supervised keypoint a class
            of their own, as the authors' release does. Defaults to False: they
            are persons whose coordinates are not learned.
    """

    auxiliary_encode_keys = {'img_shape', 'iscrowd', 'area'}
    label_mapping_table = dict(
        centers='centers',
        offsets='offsets',
        visibility='visibility',
        keypoint_weights='keypoint_weights',
        labels='labels',
        scales='scales',
    )

    def __init__(self, supervise: str = 'visible', empty_class: bool = False):
        allowed = {'visible': VISIBLE, 'labelled': HIDDEN}
        if supervise not in allowed:
            raise ValueError(
                f'POETCodec got supervise={supervise!r}; allowed '
                f'are {sorted(allowed)}.'
            )
        self.lowest_supervised = allowed[supervise]
        self.empty_class = empty_class
        # people without a supervised keypoint so far; None: stop counting
        self._unsupervised: Optional[int] = 0

    def encode(
        self,
        keypoints: np.ndarray,
        keypoints_visible: np.ndarray,
        img_shape: Tuple[int, int],
        iscrowd: Optional[Sequence[int]] = None,
        area: Optional[Sequence[float]] = None,
    ) -> dict:
        """Return the training target of one image. Crowds are left out.

        Args:
            keypoints (np.ndarray): (N, K, 2), x and y in pixels.
            keypoints_visible (np.ndarray): (N, K), COCO's raw v in {0, 1, 2}.
            img_shape (tuple): Height and width of the un-padded image.
            iscrowd (Sequence[int], optional): (N, ), 1 for a crowd region.
            area (Sequence[float], optional): (N, ), in square pixels.

        Returns:
            dict: ``centers`` (N, 2) and ``offsets`` (N, K, 2), undone by
            :meth:`decode`; ``visibility`` (N, K), 1 where v = 2;
            ``keypoint_weights`` (N, K), 1 where coordinates are supervised,
            elsewhere offsets are 0; ``labels`` (N, ), int64; with ``area``
            also ``scales`` (N, 2), width and height of the image in units of
            the person's size, the square root of the area. OKS needs them.
        """
        scales = (
            {}
            if area is None
            else dict(scales=image_in_person_sizes(img_shape, area))
        )
        if iscrowd is not None:
            people = ~np.asarray(iscrowd, dtype=bool)
            keypoints = keypoints[people]
            keypoints_visible = keypoints_visible[people]
            scales = {name: values[people] for name, values in scales.items()}

        height, width = img_shape
        points = keypoints / np.array([width, height], dtype=np.float32)
        inside = ((points >= 0) & (points <= 1)).all(axis=-1)  # (N, K)
        keypoints_visible = keypoints_visible * inside
        weights = keypoints_visible >= self.lowest_supervised  # (N, K)
        self._warn_if_unsupervised(weights)
        points = np.where(weights[..., None], points, 0)  # (N, K, 2)
        count = weights.sum(axis=1)  # (N, )
        centers = points.sum(axis=1) / np.maximum(count, 1)[:, None]  # (N, 2)
        offsets = (points - centers[:, None]) * weights[..., None]

        labels = np.full(len(count), PERSON, dtype=np.int64)
        if self.empty_class:
            labels[count == 0] = EMPTY_PERSON
        return dict(
            centers=centers.astype(np.float32),
            offsets=offsets.astype(np.float32),
            visibility=(keypoints_visible == VISIBLE).astype(np.float32),
            keypoint_weights=weights.astype(np.float32),
            labels=labels,
            **scales,
        )

    def _warn_if_unsupervised(self, weights: np.ndarray) -> None:
        """Log once if no keypoint of the first people is supervised."""
        if self._unsupervised is None:
            return
        self._unsupervised += len(weights)
        if weights.any():
            self._unsupervised = None
        elif self._unsupervised >= WARN_AFTER:
            print_log(
                f'None of the first {self._unsupervised} people has a '
                f'keypoint with v >= {self.lowest_supervised}: no keypoints '
                'will be learned. POETCodec needs the raw v of COCO '
                '(BottomupCocoDataset keeps it; data sets of MMPose turn 2 '
                "into 1), or POETCodec(supervise='labelled').",
                logger='current',
                level=logging.WARNING,
            )
            self._unsupervised = None

    def decode(
        self, encoded: Mapping, img_shape: Tuple[int, int]
    ) -> Tuple[np.ndarray, np.ndarray]:
        """Return keypoints and visibility: undo :meth:`encode`.

        Args:
            encoded (Mapping): ``centers`` (..., 2), ``offsets`` (..., K, 2)
                and ``visibility`` (..., K), as NumPy arrays.
            img_shape (tuple): Height and width of the un-padded image.

        Returns:
            tuple: Keypoints (..., K, 2) in pixels and visibility (..., K).
        """
        height, width = img_shape
        points = encoded['centers'][..., None, :] + encoded['offsets']
        size = np.array([width, height], dtype=np.float32)
        return points * size, encoded['visibility']

    def decode_centers(
        self, encoded: Mapping, img_shape: Tuple[int, int]
    ) -> np.ndarray:
        """Return centres (..., 2) in pixels; input as for :meth:`decode`."""
        height, width = img_shape
        return encoded['centers'] * np.array([width, height], dtype=np.float32)


def image_in_person_sizes(
    img_shape: Tuple[int, int], area: Sequence[float]
) -> np.ndarray:
    """Return width and height (N, 2) of an image in units of people's sizes.

    Args:
        img_shape (tuple): Height and width of the image.
        area (Sequence[float]): (N, ), areas of the people in square pixels.
    """
    height, width = img_shape
    # COCO's OKS adds the same epsilon, for areas of 0
    size = np.sqrt(np.asarray(area, dtype=np.float64) + np.spacing(1))
    return (np.array([width, height]) / size[:, None]).astype(np.float32)
