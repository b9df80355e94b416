"""Draw skeletons of any data set over images (POET's Fig. 3)."""

from typing import Mapping

import numpy as np
from matplotlib.axes import Axes


def draw_people(axes: Axes, keypoints: np.ndarray, metainfo: Mapping) -> None:
    """Draw skeletons into axes that show an image.

    Args:
        axes (Axes): Its unit is a pixel of the image.
        keypoints (np.ndarray): (N, K, 2) in pixels; NaN hides a keypoint.
        metainfo (Mapping): ``dataset_meta`` of a model, with
            ``skeleton_links`` and ``skeleton_link_colors`` (RGB, 0-255).
    """
    colors = np.asarray(metainfo['skeleton_link_colors']) / 255
    for person in keypoints:
        for (a, b), color in zip(metainfo['skeleton_links'], colors):
            axes.plot(*person[[a, b]].T, color=color, linewidth=1.5)
        edge = dict(edgecolors='black', linewidths=0.3)
        axes.scatter(*person.T, s=3.5, color='white', zorder=3, **edge)
