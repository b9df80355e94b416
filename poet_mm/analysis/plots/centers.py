"""Draw predicted centres and their errors (paper Fig. 7)."""

from typing import TYPE_CHECKING, Mapping, Optional

import mmcv
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ...visualization.style import (
    COLORS,
    METHOD_COLORS,
    in_style,
    save_figure,
    show_message,
)

if TYPE_CHECKING:
    from ..collect import ImageRecord

MAX_BINS = 40


def draw_vectors(
    axes: Axes, centers: np.ndarray, keypoints: np.ndarray
) -> None:
    """Draw arrows from centres (F, 2) to keypoints (F, K, 2), in pixels."""
    for i, (center, points) in enumerate(zip(centers, keypoints)):
        color = COLORS[i % len(COLORS)]
        axes.quiver(
            *np.broadcast_to(center, points.shape).T,
            *(points - center).T,
            color=color,
            angles='xy',
            scale_units='xy',
            scale=1,
            width=0.006,
            headwidth=3.5,
        )
        axes.plot(*center, 'o', color=color, mec='white', markersize=7)


def draw_example(axes: Axes, example: 'ImageRecord') -> None:
    """Draw an image with the vectors of the people found."""
    axes.imshow(mmcv.imread(example.path, channel_order='rgb'))
    axes.autoscale(False)
    axes.axis('off')
    centers = example.prediction.centers[-1, example.found]
    draw_vectors(axes, centers, example.found_keypoints)
    axes.set_title(
        'predicted centre and offsets' if len(centers) else 'no person found'
    )


def frame(axes: Axes, limit: float) -> None:
    """Set up axes around 0, with y down as in images."""
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
    """Write the share of each quadrant in its corner."""
    for name, share in shares.items():
        vertical, horizontal = name.split()
        axes.text(
            dict(left=0.03, right=0.97)[horizontal],
            dict(lower=0.03, upper=0.97)[vertical],
            f'{100 * share:.0f}%',
            transform=axes.transAxes,
            ha=horizontal,
            va=dict(lower='bottom', upper='top')[vertical],
            fontweight='bold',
            bbox=dict(color='white', alpha=0.8, pad=1.5),
        )


def draw_histogram(axes: Axes, errors: np.ndarray, limit: float) -> None:
    """Draw the number of people per cell; cells without people stay empty."""
    bins = int(np.clip(1.5 * len(errors) ** 0.5, 8, MAX_BINS))
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
    example: 'ImageRecord',
    errors: np.ndarray,
    shares: Optional[Mapping[str, float]],
    out: str,
) -> None:
    """Draw an image, the errors of all people, and their histogram.

    Args:
        example (ImageRecord): Image to draw.
        errors (np.ndarray): (M, 2), (predicted - true) / diagonal, y down.
        shares (Mapping, optional): Share of each quadrant by its name.
        out (str): Picture to write.
    """
    figure = Figure(figsize=(10, 3.5))
    image, scatter, histogram = figure.subplots(1, 3)
    draw_example(image, example)
    if not len(errors):
        for axes in (scatter, histogram):
            show_message(axes, 'no matched people')
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
