"""Draw people over an image, with the predictions that only POET has.

Source: MMPose's ``PoseLocalVisualizer``. Differences:

- People below a score threshold are not drawn.
- Each person has one colour.
- Keypoints that are predicted not visible are hollow.
- Centres and offsets can be drawn.
- Sizes grow with the image and with the person.
- cv2 draws all links of a person at once, to 1/16 pixel.

N: number of people, K: number of keypoints of the skeleton.
"""

from typing import Optional, Sequence, Tuple

import cv2
import numpy as np
from mmengine.dist import master_only
from mmengine.structures import InstanceData
from mmpose.registry import VISUALIZERS
from mmpose.visualization import PoseLocalVisualizer

from .strokes import (
    HOLE,
    OUTLINE,
    Color,
    draw_center,
    draw_keypoint,
    draw_lines,
    lighter,
    person_colors,
)

PARTS = ('skeleton', 'centers', 'offsets', 'visibility')
REFERENCE_SIDE = 512  # pixels; sizes are given for such a square image
MAX_SIDE = 4096  # pixels; small images are enlarged up to this side
# pixels of an image of REFERENCE_SIDE; smaller people get thinner lines
SMALL_PERSON = 100


def keypoint_visibility(instances: InstanceData) -> Optional[np.ndarray]:
    """Return the visibility of keypoints (N, K), in [0, 1], None if unknown.

    Predictions of POET have ``visibility``. Annotations have no keypoint
    scores, and COCO's v: 1 for hidden and 2 for visible keypoints.
    """
    if 'visibility' in instances:
        return np.asarray(instances.visibility)
    if 'keypoints_visible' in instances and 'keypoint_scores' not in instances:
        return np.asarray(instances.keypoints_visible) - 1
    return None


def integer_factor(shape: Tuple[int, int], min_side: int) -> int:
    """Return the integer factor by which to enlarge an image (h, w).

    The shorter side then has at least ``min_side`` pixels, unless the longer
    one would get longer than ``MAX_SIDE``.
    """
    needed = -(-min_side // min(shape))
    return max(1, min(needed, MAX_SIDE // max(shape)))


def enlarge(instances: InstanceData, factor: int) -> InstanceData:
    """Return the same people on an image that is enlarged by a factor."""
    instances = instances.clone()
    for field in ('keypoints', 'transformed_keypoints', 'centers', 'bboxes'):
        if field in instances:
            instances[field] = factor * np.asarray(instances[field])
    return instances


@VISUALIZERS.register_module()
class POETVisualizer(PoseLocalVisualizer):
    """Draw ground-truth and predicted people.

    It replaces MMPose's ``PoseLocalVisualizer``, in a config by
    ``visualizer=dict(type='POETVisualizer')``.

    Args:
        name (str): Name of this instance. Defaults to ``'visualizer'``.
        draw (sequence[str]): Parts to draw: ``'skeleton'`` (keypoints and
            links), ``'centers'``, ``'offsets'`` (lines from a centre to its
            keypoints), ``'visibility'`` (keypoints: filled if visible, hollow
            if hidden). Parts that an instance does not have are left out.
            Hidden keypoints have low scores, so that ``kpt_thr``, 0.3 in
            MMPose's tools, hides some of them;
            ``default_hooks.visualization.kpt_thr=0`` shows them. Defaults to
            ``('skeleton', 'visibility')``.
        score_thr (float): People with lower ``bbox_scores`` are not drawn.
            POET predicts one person per query. Defaults to 0.5.
        radius (float): Radius of keypoints, in pixels of an image of
            512 x 512; grows with the image, and shrinks to half for small
            people. Defaults to 4.
        line_width (float): Width of links, scaled like ``radius``. Defaults
            to 2.
        min_side (int): Images with a shorter side are enlarged by an integer
            factor, so that keypoints of people a few pixels tall are distinct.
            The longer side stays below 4096 pixels. Defaults to 0, off.
        **kwargs: As in :class:`PoseLocalVisualizer`.
    """

    def __init__(
        self,
        name: str = 'visualizer',
        draw: Sequence[str] = ('skeleton', 'visibility'),
        score_thr: float = 0.5,
        radius: float = 4,
        line_width: float = 2,
        min_side: int = 0,
        **kwargs,
    ) -> None:
        super().__init__(name, radius=radius, line_width=line_width, **kwargs)
        self.draw = draw
        self.score_thr = score_thr
        self.min_side = min_side
        self.person_colors = person_colors()

    @property
    def draw(self) -> Tuple[str, ...]:
        """Return the parts to draw, see the class."""
        return self._draw

    @draw.setter
    def draw(self, parts: Sequence[str]) -> None:
        parts = (parts,) if isinstance(parts, str) else tuple(parts)
        if not parts or not set(parts) <= set(PARTS):
            raise ValueError(
                f'POETVisualizer got draw={parts}; allowed are one or more of '
                f'{PARTS}.'
            )
        self._draw = parts

    # Private API (mmpose 1.3.2, checked): `add_datasample` calls this method
    # and the next for ground truth and predictions; `_image` is drawn on.
    @master_only
    def _draw_instances_kpts(
        self,
        image: np.ndarray,
        instances: InstanceData,
        kpt_thr: float = 0.3,
        show_kpt_idx: bool = False,
        skeleton_style: str = 'mmpose',
    ) -> np.ndarray:
        """Draw people, those with the highest scores on top.

        Args:
            image (np.ndarray): (h, w, 3), RGB.
            instances (InstanceData): ``keypoints`` (N, K, 2), and other
                fields of the class, in pixels of the image.
            kpt_thr (float): Keypoints with lower ``keypoints_visible`` are
                not drawn. Defaults to 0.3.
            show_kpt_idx (bool): Write the index of each keypoint beside it.
            skeleton_style (str): Not used: the metainfo has the skeleton.

        Returns:
            np.ndarray: (h, w, 3), RGB, a new image.
        """
        factor = integer_factor(image.shape[:2], self.min_side)
        if factor > 1:
            size = (factor * image.shape[1], factor * image.shape[0])
            image = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
            instances = enlarge(instances, factor)
        self._factor = factor  # _draw_instances_bbox gets the enlarged image
        self.set_image(image)
        if 'keypoints' not in instances:
            return self.get_image()
        points = np.asarray(
            instances.get('transformed_keypoints', instances.keypoints)
        )
        shown = np.isfinite(points).all(axis=-1)  # (N, K)
        if 'keypoints_visible' in instances:
            shown &= np.asarray(instances.keypoints_visible) >= kpt_thr
        scores = np.asarray(instances.get('bbox_scores', np.ones(len(points))))
        visibility = keypoint_visibility(instances)
        hidden = np.zeros_like(shown)
        if visibility is not None and 'visibility' in self.draw:
            hidden = visibility < 0.5  # (N, K)
        centers = instances.get('centers')
        order = np.argsort(scores, kind='stable')
        for n in order[scores[order] >= self.score_thr]:
            self._draw_person(
                points[n],
                shown[n],
                hidden[n],
                None if centers is None else np.asarray(centers[n]),
                self.person_colors[n % len(self.person_colors)],
            )
            if show_kpt_idx:
                for k in np.flatnonzero(shown[n]):
                    box = [dict(facecolor=OUTLINE)]
                    self.draw_texts(str(k), points[n, k], 13, HOLE, bboxes=box)
        return self.get_image()

    @master_only
    def _draw_instances_bbox(
        self, image: np.ndarray, instances: InstanceData
    ) -> np.ndarray:
        """Draw the boxes, if there are any, over the people."""
        instances = enlarge(instances, self._factor)
        return super()._draw_instances_bbox(image, instances)

    def _draw_person(
        self,
        points: np.ndarray,
        shown: np.ndarray,
        hidden: np.ndarray,
        center: Optional[np.ndarray],
        color: Color,
    ) -> None:
        """Draw one person.

        Args:
            points (np.ndarray): Keypoints (K, 2) in pixels.
            shown (np.ndarray): Keypoints to draw (K, ), bool.
            hidden (np.ndarray): Keypoints to draw hollow (K, ), bool.
            center (np.ndarray, optional): (2, ), in pixels.
            color (tuple[int]): RGB.
        """
        scale = self._scale(points[shown])
        width = scale * self.line_width
        radius = max(2.0, scale * self.radius)
        if 'skeleton' in self.draw and self.skeleton:
            links = np.asarray(self.skeleton)
            links = links[shown[links].all(axis=1)]  # (M, 2)
            thin = hidden[links].any(axis=1)
            for which, size in ((thin, 0.5 * width), (~thin, width)):
                draw_lines(self._image, points[links[which]], color, size)
        if 'offsets' in self.draw and center is not None:
            ends = points[shown]
            starts = np.broadcast_to(center, ends.shape)
            lines = np.stack([starts, ends], axis=1)  # (M, 2, 2)
            draw_lines(self._image, lines, lighter(color), 1)
        if 'skeleton' in self.draw or 'visibility' in self.draw:
            for k in np.flatnonzero(shown):
                draw_keypoint(
                    self._image, points[k], radius, color, not hidden[k]
                )
        if 'centers' in self.draw and center is not None:
            draw_center(self._image, center, 1.5 * radius, color)

    def _scale(self, points: np.ndarray) -> float:
        """Return the factor of all sizes for a person of points (M, 2)."""
        scale = (self.height * self.width) ** 0.5 / REFERENCE_SIDE
        if len(points) < 2:
            return scale
        extent = np.ptp(points, axis=0).max()
        return scale * float(np.clip(extent / (SMALL_PERSON * scale), 0.5, 1))
