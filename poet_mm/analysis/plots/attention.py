"""Draw attention over an image (paper Fig. 5)."""

from typing import TYPE_CHECKING, Mapping

import cv2
import mmcv
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...visualization.skeletons import draw_people
from ...visualization.style import COLORS, in_style, save_figure

if TYPE_CHECKING:
    from ..attention import AttendedImage

HEAT = 'plasma'
MIN_PEAK = 4  # times the mean, so that uniform attention looks uniform


def overlay(
    axes: Axes, grey: np.ndarray, heat: np.ndarray, extent: np.ndarray
) -> None:
    """Draw a map over a grey image.

    Args:
        axes (Axes): Empty.
        grey (np.ndarray): (h, w), 0 to 255.
        heat (np.ndarray): (rows, columns), attention. The colours end at its
            maximum, or at :data:`MIN_PEAK` times the mean if that is more.
        extent (np.ndarray): (4, ), x0, x1, y0, y1 of the map in pixels.
    """
    axes.axis('off')
    height, width = grey.shape
    image = (0, width, height, 0)
    axes.imshow(grey, cmap='gray', vmin=-160, vmax=255, extent=image)
    x0, x1, y0, y1 = extent
    heat = heat / max(heat.max(), MIN_PEAK * heat.mean(), 1e-12)
    axes.imshow(
        heat,
        cmap=HEAT,
        vmin=0,
        vmax=1,
        extent=(x0, x1, y1, y0),
        interpolation='bilinear',
        alpha=0.9 * heat**0.6,
    )
    axes.set(xlim=image[:2], ylim=image[2:])


def mark(axes: Axes, point: np.ndarray, number: int) -> None:
    """Draw a numbered point at (x, y) in pixels."""
    color = COLORS[(number - 1) % len(COLORS)]
    axes.plot(
        *point, 'o', color=color, mec='white', markersize=12, clip_on=False
    )
    style = dict(color='white', fontsize=7, fontweight='bold')
    axes.annotate(str(number), point, ha='center', va='center', **style)


def label_row(axes: Axes, text: str) -> None:
    """Write a text left of the first picture of a row."""
    axes.text(
        -0.04,
        0.5,
        text,
        transform=axes.transAxes,
        rotation=90,
        ha='right',
        va='center',
        fontsize=9,
    )


@in_style()
def draw_attention(
    image: 'AttendedImage', metainfo: Mapping, out: str
) -> None:
    """Draw a row of maps for the points, and one for each person.

    Args:
        image (AttendedImage): Image, points, people and their attention.
        metainfo (Mapping): Skeleton and its colours, see ``draw_people``.
        out (str): Picture to write.
    """
    pixels = mmcv.imread(image.path, channel_order='rgb')
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    extent = image.extent
    points, layers = image.encoder[-1], image.decoder
    columns = 1 + max(len(points), len(layers))
    rows = 1 + layers.shape[1]
    height, width = grey.shape
    figure = Figure(
        figsize=(1.6 * columns + 0.3, 1.6 * height / width * rows + 0.6)
    )
    cells = figure.subplots(rows, columns, squeeze=False)
    for axes in cells.ravel():
        axes.axis('off')
    for axes in cells[:, 0]:
        axes.imshow(pixels)
        axes.autoscale(False)
    label_row(cells[0, 0], 'encoder')
    for number, point in enumerate(image.points, 1):
        mark(cells[0, 0], point, number)
        overlay(cells[0, number], grey, points[number - 1], extent)
        mark(cells[0, number], point, number)
        cells[0, number].set_title(f'from point {number}')
    for m, row in enumerate(cells[1:]):
        draw_people(row[0], image.keypoints[m : m + 1], metainfo)
        label_row(row[0], f'score {image.scores[m]:.2f}')
        for layer, axes in enumerate(row[1 : len(layers) + 1], 1):
            overlay(axes, grey, layers[layer - 1, m], extent)
            if m == 0:
                axes.set_title(f'decoder layer {layer}')
    save_figure(figure, out)
