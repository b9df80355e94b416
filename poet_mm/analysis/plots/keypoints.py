"""Draw the errors of every keypoint: on a skeleton, and by COCO's v."""

from typing import List, Sequence, Tuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...visualization.style import (
    COLORS,
    GREY,
    in_style,
    save_figure,
    show_message,
)

BARS = {'1': ('v = 1, hidden', COLORS[1]), '2': ('v = 2, visible', COLORS[0])}
HEIGHT = 0.28  # of a keypoint's bars, in inches


def percent_of(rows: List[dict], v: str, key: str) -> np.ndarray:
    """Return a column (K, ) of the rows with ``v`` in percent, NaN if None."""
    values = [row[key] for row in rows if row['v'] == v]
    return 100 * np.array(values, np.float64)


def draw_skeleton(
    axes: Axes,
    pose: np.ndarray,
    links: Sequence[Tuple[int, int]],
    errors: np.ndarray,
) -> None:
    """Draw the mean pose (K, 2), with errors (K, ) as colour and size.

    A keypoint without an error is a small grey cross.
    """
    for link in links:
        axes.plot(*pose[list(link)].T, color=GREY, linewidth=1.5, alpha=0.6)
    known = np.isfinite(errors)
    axes.plot(*pose[~known].T, 'x', color=GREY, markersize=4)
    if known.any():
        largest = max(errors[known].max(), 1e-6)
        points = axes.scatter(
            *pose[known].T,
            c=errors[known],
            s=25 + 150 * errors[known] / largest,
            vmin=0,
            vmax=largest,
            edgecolors='black',
            linewidths=0.5,
            zorder=3,
        )
        label = 'median error / size of the person (%)'
        axes.figure.colorbar(
            points, ax=axes, label=label, shrink=0.8, location='left'
        )
    axes.set_aspect('equal', adjustable='datalim')
    axes.margins(0.15)
    axes.invert_yaxis()
    axes.axis('off')


def draw_bars(axes: Axes, rows: List[dict]) -> None:
    """Draw median and 90th percentile of every keypoint, by v."""
    names = [row['keypoint'] for row in rows if row['v'] == 'all']
    places = np.arange(len(names))
    for shift, (v, (label, color)) in zip((-0.2, 0.2), BARS.items()):
        median = percent_of(rows, v, 'median_size')
        if not np.isfinite(median).any():
            continue
        high = percent_of(rows, v, 'p90_size')
        axes.barh(places + shift, median, 0.38, color=color, label=label)
        axes.hlines(places + shift, median, high, color=color, linewidth=1)
    axes.set_yticks(places, names)
    axes.set_ylim(len(names) - 0.4, -0.6)  # the first on top
    axes.set_xlim(left=0)
    axes.set_xlabel('error / size of the person (%)')
    axes.grid(axis='y', visible=False)
    axes.legend(loc='lower center', bbox_to_anchor=(0.5, 1), ncols=2)


@in_style()
def draw_keypoints(
    rows: List[dict],
    pose: np.ndarray,
    links: Sequence[Tuple[int, int]],
    out: str,
) -> None:
    """Draw the skeleton coloured by error, and a bar chart.

    Args:
        rows (list[dict]): See ``KeypointMetric.rows``.
        pose (np.ndarray): (K, 2) in any unit, y down; NaN is not drawn.
        links (Sequence[tuple]): Pairs of keypoints.
        out (str): Picture to write.
    """
    height = max(3.2, HEIGHT * len(pose) + 0.9)
    figure = Figure(figsize=(8.5, height))
    skeleton, bars = figure.subplots(1, 2, width_ratios=(1, 1.1))
    errors = percent_of(rows, 'all', 'median_size')
    if np.isfinite(pose).any():
        draw_skeleton(skeleton, pose, links, errors)
    else:
        show_message(skeleton, 'no labelled keypoints')
    if np.isfinite(errors).any():
        draw_bars(bars, rows)
    else:
        show_message(bars, 'no matched people')
    save_figure(figure, out)
