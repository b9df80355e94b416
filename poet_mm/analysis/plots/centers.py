"""Predicted centres and their errors (paper Fig. 7)."""

from typing import Mapping, Optional

import mmcv
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ...visualization.style import (
    COLORS,
    METHOD_COLORS,
    hide,
    in_style,
    save_figure,
    say_nothing_to_show,
)

MOST_BINS = 40
CORNERS = {
    'upper left': (0.03, 0.97),
    'upper right': (0.97, 0.97),
    'lower left': (0.03, 0.03),
    'lower right': (0.97, 0.03),
}


def draw_vectors(
    axes: Axes, centers: np.ndarray, keypoints: np.ndarray
) -> None:
    """Arrows from centres (F, 2) to joints (F, K, 2), all in pixels."""
    for i, (center, joints) in enumerate(zip(centers, keypoints)):
        color = COLORS[i % len(COLORS)]
        x, y = np.broadcast_to(center, joints.shape).T
        axes.quiver(
            x,
            y,
            *(joints - center).T,
            color=color,
            angles='xy',
            scale_units='xy',
            scale=1,
            width=0.006,
            headwidth=3.5,
        )
        axes.plot(
            *center, 'o', color=color, markeredgecolor='white', markersize=7
        )


def draw_example(axes: Axes, example) -> None:
    """An image with the vectors of the people found."""
    if example is None:
        say_nothing_to_show(axes, 'no image')
        return
    axes.imshow(mmcv.imread(example.path, channel_order='rgb'))
    axes.autoscale(False)
    hide(axes)
    found = example.found
    draw_vectors(
        axes,
        example.prediction.centers[-1, found],
        example.prediction.keypoints[-1, found],
    )
    axes.set_title(
        'predicted centre and offsets' if len(found) else 'no person found'
    )


def frame(axes: Axes, limit: float) -> None:
    """Axes around 0, y down as in images."""
    axes.set(
        xlim=(-limit, limit),
        ylim=(limit, -limit),
        aspect='equal',
        xlabel='x / diagonal',
        ylabel='y / diagonal (down)',
    )
    axes.axhline(0, color='black', linewidth=0.8)
    axes.axvline(0, color='black', linewidth=0.8)
    axes.grid(False)


def write_shares(axes: Axes, shares: Mapping[str, float]) -> None:
    """The share of each quadrant, in its corner."""
    for name, (x, y) in CORNERS.items():
        axes.text(
            x,
            y,
            f'{100 * shares[name]:.0f}%',
            transform=axes.transAxes,
            ha='left' if x < 0.5 else 'right',
            va='top' if y > 0.5 else 'bottom',
            fontweight='bold',
            bbox=dict(color='white', alpha=0.8, pad=1.5),
        )


def draw_histogram(axes: Axes, errors: np.ndarray, limit: float) -> None:
    """Number of people per cell; cells without people stay empty."""
    bins = int(np.clip(1.5 * len(errors) ** 0.5, 8, MOST_BINS))
    edges = np.linspace(-limit, limit, bins + 1)
    *_, mesh = axes.hist2d(
        *errors.T, bins=(edges, edges), cmin=1, rasterized=True
    )
    axes.set_facecolor('#f4f4f4')
    axes.figure.colorbar(
        mesh,
        cax=axes.inset_axes([1.04, 0, 0.05, 1]),
        label='people',
        ticks=MaxNLocator(integer=True),
    )


@in_style()
def draw_centers(
    example,
    errors: np.ndarray,
    shares: Optional[Mapping[str, float]],
    out: str,
) -> None:
    """Draw an image, the errors of all people, and their histogram.

    Args:
        example (ImageRecord, optional): See ``poet_mm.analysis.collect``.
        errors (np.ndarray): (M, 2), (predicted - true) / diagonal, y down.
        shares (Mapping, optional): Share of each quadrant by its name.
        out (str): Picture to write.
    """
    figure = Figure(figsize=(10, 3.5))
    image, scatter, histogram = figure.subplots(1, 3)
    draw_example(image, example)
    if not len(errors):
        for axes in (scatter, histogram):
            say_nothing_to_show(axes, 'no matched people')
    else:
        limit = max(1.15 * np.percentile(np.abs(errors), 99), 1e-3)
        scatter.scatter(
            *errors.T,
            s=12,
            alpha=max(0.1, min(0.7, 60 / len(errors))),
            color=METHOD_COLORS['POET'],
            linewidths=0,
            rasterized=True,
        )
        frame(scatter, limit)
        write_shares(scatter, shares)
        scatter.set_title('centre, predicted - true')
        draw_histogram(histogram, errors, limit)
        frame(histogram, limit)
        histogram.set_title(f'{len(errors)} people')
    save_figure(figure, out)
