"""Predicted skeletons drawn over images, for any skeleton (paper Fig. 3)."""
from typing import List, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .style import in_style, save_figure


def draw_people(axes: Axes, keypoints: np.ndarray, metainfo: Mapping) -> None:
    """Draw skeletons into axes that show an image.

    Args:
        axes (Axes): In pixels of the image.
        keypoints (np.ndarray): (N, K, 2) in pixels; NaN hides a joint.
        metainfo (Mapping): ``dataset_meta`` of a model, with
            ``skeleton_links`` and ``skeleton_link_colors`` (RGB, 0-255).
    """
    colors = np.asarray(metainfo['skeleton_link_colors']) / 255
    for person in keypoints:
        for (a, b), color in zip(metainfo['skeleton_links'], colors):
            axes.plot(*person[[a, b]].T, color=color, linewidth=1.5)
        axes.scatter(
            *person.T,
            s=3.5,
            color='white',
            edgecolors='black',
            linewidths=0.3,
            zorder=3)


@in_style()
def draw_predictions(images: Sequence[np.ndarray],
                     people: Sequence[np.ndarray],
                     titles: Sequence[str],
                     metainfo: Mapping,
                     out: str,
                     columns: int = 4) -> None:
    """Draw a grid of images with people.

    Args:
        images (Sequence[np.ndarray]): (H, W, 3), RGB.
        people (Sequence[np.ndarray]): (N, K, 2) of each image, in its pixels.
        titles (Sequence[str]): One above each image.
        metainfo (Mapping): See :func:`draw_people`.
        out (str): Picture to write.
        columns (int): Images in a row. Defaults to 4.
    """
    rows = -(-len(images) // columns)
    figure = Figure(figsize=(2.2 * columns, 2.4 * rows))
    cells: List[Axes] = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in cells:
        axes.axis('off')
    for axes, image, keypoints, title in zip(cells, images, people, titles):
        axes.imshow(image)
        axes.set_title(title, fontsize=8)
        axes.autoscale(False)
        draw_people(axes, keypoints, metainfo)
    save_figure(figure, out)
