"""POETVisualizer: people drawn over an image, with what only POET predicts.

Source: MMPose's ``PoseLocalVisualizer``. Differences from it: nothing is
drawn for queries below the score threshold; one colour a person; keypoints
that are predicted hidden are hollow; centres and offsets can be drawn; sizes
follow the image and the person; cv2 draws all links of a person at once, to
1/16 pixel.

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
    draw_joint,
    draw_lines,
    lighter,
    person_colors,
)

PARTS = ('skeleton', 'centers', 'offsets', 'visibility')
REFERENCE = 512  # side of the square image for which sizes are given
LONGEST = 4096  # side up to which small images are enlarged, in pixels
SMALL = 100  # people less tall or wide than this, there, are drawn finer


def joint_visibility(instances: InstanceData) -> Optional[np.ndarray]:
    """Whether joints are seen (N, K), in [0, 1]; None if that is not known.

    Predictions of POET have ``visibility``; in annotations, which have no
    scores of joints, COCO's v is 1 for hidden and 2 for visible joints.
    """
    if 'visibility' in instances:
        return np.asarray(instances.visibility)
    if 'keypoints_visible' in instances and 'keypoint_scores' not in instances:
        return np.asarray(instances.keypoints_visible) - 1
    return None


def whole_factor(shape: Tuple[int, int], min_side: int) -> int:
    """By what to enlarge an image (h, w) whose shorter side should have
    ``min_side`` pixels, unless the longer one gets too long by that.
    """
    needed = -(-min_side // min(shape))
    return max(1, min(needed, LONGEST // max(shape)))


def enlarge(instances: InstanceData, factor: int) -> InstanceData:
    """The same people on an image that many times as large."""
    instances = instances.clone()
    for field in ('keypoints', 'transformed_keypoints', 'centers'):
        if field in instances:
            instances[field] = factor * np.asarray(instances[field])
    return instances


@VISUALIZERS.register_module()
class POETVisualizer(PoseLocalVisualizer):
    """Draws people, in place of MMPose's visualizer in a config:
    ``visualizer=dict(type='POETVisualizer')``.

    Args:
        name (str): Of this instance. Defaults to ``'visualizer'``.
        draw (sequence[str]): What to draw: ``'skeleton'`` (joints and links),
            ``'centers'``, ``'offsets'`` (lines from a centre to its joints),
            ``'visibility'`` (joints: filled if visible, hollow if hidden).
            What an instance does not have is left out. Hidden joints have a
            low score: ``kpt_thr``, 0.3 in MMPose's tools, hides those that
            are hollow for sure; ``default_hooks.visualization.kpt_thr=0``
            shows them. Defaults to ``('skeleton', 'visibility')``.
        score_thr (float): People with lower ``bbox_scores`` are not drawn;
            POET predicts as many as it has queries. Defaults to 0.5.
        radius (float): Of joints, in pixels of an image of 512 x 512; grows
            with the image, and shrinks to half for small people. Defaults
            to 4.
        line_width (float): Of links, likewise. Defaults to 2.
        min_side (int): Images with a shorter side are enlarged by a whole
            factor, to be drawn on: joints of people a few pixels high can
            be told apart then. Their longer side stays below 4096 pixels.
            Defaults to 0: none are.
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
        """What is drawn, see the class."""
        return self._draw

    @draw.setter
    def draw(self, parts: Sequence[str]) -> None:
        parts = (parts,) if isinstance(parts, str) else tuple(parts)
        unknown = [part for part in parts if part not in PARTS]
        if unknown or not parts:
            raise ValueError(
                f'POETVisualizer got draw={parts}; allowed are '
                f'one or more of {PARTS}.'
            )
        self._draw = parts

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
            instances (InstanceData): ``keypoints`` (N, K, 2), and what else
                the class tells of, in pixels of the image.
            kpt_thr (float): Joints with lower ``keypoints_visible`` are not
                drawn. Defaults to 0.3.
            show_kpt_idx (bool): Write the index of every joint beside it.
            skeleton_style (str): Not used: the skeleton is that of the data.

        Returns:
            np.ndarray: (h, w, 3), RGB, a new image.
        """
        factor = whole_factor(image.shape[:2], self.min_side)
        if factor > 1:
            image = cv2.resize(
                image,
                None,
                fx=factor,
                fy=factor,
                interpolation=cv2.INTER_CUBIC,
            )
            instances = enlarge(instances, factor)
        self._factor = factor
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
        visibility = joint_visibility(instances)
        centers = instances.get('centers')
        order = np.argsort(scores, kind='stable')
        for n in order[scores[order] >= self.score_thr]:
            self._draw_person(
                points[n],
                shown[n],
                None if visibility is None else visibility[n] < 0.5,
                None if centers is None else np.asarray(centers[n]),
                self.person_colors[n % len(self.person_colors)],
            )
            if show_kpt_idx:
                self._draw_numbers(points[n], shown[n])
        return self.get_image()

    @master_only
    def _draw_instances_bbox(
        self, image: np.ndarray, instances: InstanceData
    ) -> np.ndarray:
        """Boxes, of which annotations have some, on what the method above
        has drawn.
        """
        if 'bboxes' in instances and self._factor > 1:
            instances = instances.clone()
            instances.bboxes = self._factor * np.asarray(instances.bboxes)
        return super()._draw_instances_bbox(image, instances)

    def _draw_person(
        self,
        points: np.ndarray,
        shown: np.ndarray,
        hidden: Optional[np.ndarray],
        center: Optional[np.ndarray],
        color: Color,
    ) -> None:
        """Draw one person of points (K, 2) of which some are shown (K, )."""
        scale = self._scale(points[shown])
        width = scale * self.line_width
        radius = max(2.0, scale * self.radius)
        if hidden is None or 'visibility' not in self.draw:
            hidden = np.zeros(len(points), dtype=bool)

        if 'skeleton' in self.draw and self.skeleton:
            links = np.asarray(self.skeleton)
            links = links[shown[links].all(axis=1)]  # (M, 2)
            thin = hidden[links].any(axis=1)
            for which, size in ((thin, 0.5 * width), (~thin, width)):
                draw_lines(self._image, points[links[which]], color, size)
        if 'offsets' in self.draw and center is not None:
            ends = points[shown]
            starts = np.broadcast_to(center, ends.shape)
            draw_lines(
                self._image,
                np.stack([starts, ends], axis=1),
                lighter(color),
                1,
            )
        if 'skeleton' in self.draw or 'visibility' in self.draw:
            for k in np.flatnonzero(shown):
                draw_joint(
                    self._image, points[k], radius, color, not hidden[k]
                )
        if 'centers' in self.draw and center is not None:
            draw_center(self._image, center, 1.5 * radius, color)

    def _scale(self, points: np.ndarray) -> float:
        """Factor of all sizes, for a person with these points (M, 2)."""
        scale = (self.height * self.width) ** 0.5 / REFERENCE
        if len(points) < 2:
            return scale
        extent = np.ptp(points, axis=0).max()
        return scale * float(np.clip(extent / (SMALL * scale), 0.5, 1))

    def _draw_numbers(self, points: np.ndarray, shown: np.ndarray) -> None:
        """Write the index of every joint that is shown beside it."""
        size = 0.4 * max(1.0, (self.height * self.width) ** 0.5 / REFERENCE)
        for k in np.flatnonzero(shown):
            x, y = (points[k] + 2 * size).round().astype(int).tolist()
            for paint, thickness in ((OUTLINE, 3), (HOLE, 1)):
                cv2.putText(
                    self._image,
                    str(k),
                    (x, y),
                    cv2.FONT_HERSHEY_SIMPLEX,
                    size,
                    paint,
                    thickness,
                    cv2.LINE_AA,
                )
