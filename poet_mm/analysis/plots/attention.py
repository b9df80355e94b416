"""Attention over an image (paper Fig. 5)."""

from typing import Mapping

import cv2
import mmcv
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...visualization.predictions import draw_people
from ...visualization.style import COLORS, hide, in_style, save_figure

HEAT = 'plasma'
LEAST_PEAK = 4  # attention to everything alike shall look like it


def overlay(
    axes: Axes, grey: np.ndarray, heat: np.ndarray, extent: np.ndarray
) -> None:
    """A map over an image without colours.

    Args:
        axes (Axes): Empty.
        grey (np.ndarray): (h, w), 0 to 255.
        heat (np.ndarray): (rows, columns), attention; the scale ends at its
            maximum, or at :data:`LEAST_PEAK` times the mean if that is more.
        extent (np.ndarray): (4, ), x0, x1, y0, y1 of the map in pixels.
    """
    hide(axes)
    height, width = grey.shape
    image = (0, width, height, 0)
    axes.imshow(grey, cmap='gray', vmin=-160, vmax=255, extent=image)
    x0, x1, y0, y1 = extent
    heat = heat / max(heat.max(), LEAST_PEAK * heat.mean(), 1e-12)
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
    """A numbered point, at (x, y) in pixels."""
    axes.plot(
        *point,
        'o',
        color=COLORS[(number - 1) % len(COLORS)],
        markeredgecolor='white',
        markersize=12,
        clip_on=False,
    )
    axes.annotate(
        str(number),
        point,
        color='white',
        ha='center',
        va='center',
        fontsize=7,
        fontweight='bold',
    )


def label_row(axes: Axes, text: str) -> None:
    """Words left of the first picture of a row."""
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
def draw_attention(seen, metainfo: Mapping, out: str) -> None:
    """Draw a row of maps for the points, and one for each person.

    Args:
        seen (AttendedImage): See ``poet_mm.analysis.attention``.
        metainfo (Mapping): Skeleton and its colours, see ``draw_people``.
        out (str): Picture to write.
    """
    pixels = mmcv.imread(seen.path, channel_order='rgb')
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    extent = seen.maps.extent
    points, layers = seen.maps.encoder[-1], seen.maps.decoder
    columns = 1 + max(len(points), len(layers))
    rows = 1 + layers.shape[1]
    height, width = grey.shape
    figure = Figure(
        figsize=(1.6 * columns + 0.3, 1.6 * height / width * rows + 0.6)
    )
    cells = figure.subplots(rows, columns, squeeze=False)
    for axes in cells.ravel():
        hide(axes)
    for axes in cells[:, 0]:
        axes.imshow(pixels)
        axes.autoscale(False)
    label_row(cells[0, 0], 'encoder')
    for number, point in enumerate(seen.points, 1):
        mark(cells[0, 0], point, number)
        overlay(cells[0, number], grey, points[number - 1], extent)
        mark(cells[0, number], point, number)
        cells[0, number].set_title(f'from point {number}')
    for m, row in enumerate(cells[1:]):
        draw_people(row[0], seen.keypoints[m : m + 1], metainfo)
        label_row(row[0], f'score {seen.scores[m]:.2f}')
        for layer, axes in enumerate(row[1 : len(layers) + 1], 1):
            overlay(axes, grey, layers[layer - 1, m], extent)
            if m == 0:
                axes.set_title(f'decoder layer {layer}')
    save_figure(figure, out)
