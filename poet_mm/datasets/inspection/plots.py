"""Draw people, sizes and keypoints of a data set."""

from functools import partial
from typing import Mapping

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

COCO_LIMITS = (32, 96)  # pixels; small, medium, large people


def draw_people_per_image(
    axes: Axes, counts: np.ndarray, num_queries: int
) -> None:
    """Draw images by their number of people, and the number of queries."""
    axes.bar(*np.unique(counts, return_counts=True), width=0.9)
    label = f'{num_queries} queries'
    axes.axvline(num_queries, color=COLORS[3], linestyle=':', label=label)
    axes.legend()
    axes.set(xlabel='people', ylabel='images', yscale='symlog')
    axes.set_ylim(bottom=0)


def draw_scales(axes: Axes, scales: np.ndarray) -> None:
    """Draw people by their size, with COCO's limits."""
    low, high = np.log2([scales.min(), scales.max()])
    bins = 2 ** np.arange(np.floor(low), np.ceil(high) + 0.25, 0.25)
    axes.hist(scales, bins=bins if len(bins) > 1 else 10)
    axes.set_xscale('log', base=2)
    for limit in COCO_LIMITS:
        axes.axvline(limit, color=GREY, linestyle=':')
    axes.set(
        xlabel='square root of the area (pixels)\n'
        "dotted: COCO's small, medium, large",
        ylabel='people',
    )


def draw_image_sizes(axes: Axes, sizes: np.ndarray) -> None:
    """Draw width and height of images, larger points for more images."""
    kinds, counts = np.unique(sizes, axis=0, return_counts=True)
    axes.scatter(
        *kinds.T, s=8 + 200 * counts / counts.max(), alpha=0.4, linewidth=0
    )
    axes.set(xlabel='width (pixels)', ylabel='height (pixels)')
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)


def draw_keypoints(axes: Axes, summary: Mapping) -> None:
    """Draw the share of people with each keypoint, visible or hidden."""
    names = summary['joint_names']
    share = 100 / summary['people']
    places = np.arange(len(names))
    visible, hidden = summary['visible'] * share, summary['hidden'] * share
    axes.barh(places, visible, color=COLORS[0], label='visible')
    axes.barh(places, hidden, left=visible, color=COLORS[1], label='hidden')
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.grid(axis='y', visible=False)
    axes.set(xlabel='labelled (% of people)')
    axes.legend(loc='lower right')


@in_style()
def draw_dataset(
    summary: Mapping, num_queries: int, out: str, title: str
) -> None:
    """Draw people per image, their sizes, image sizes and keypoints.

    Args:
        summary (Mapping): See ``summarise`` in ``report.py``.
        num_queries (int): Number of queries of the model.
        out (str): Picture to write.
        title (str): Name of the data set.
    """
    figure = Figure(figsize=(8, 6))
    counts, scales, sizes = (
        summary[key] for key in ('people_per_image', 'scales', 'image_sizes')
    )
    has_keypoints = summary['joint_names'] and summary['people']
    panels = (
        (
            'people per image',
            len(counts),
            partial(draw_people_per_image, num_queries=num_queries),
            counts,
        ),
        ('sizes of people', len(scales), draw_scales, scales),
        ('sizes of images', len(sizes), draw_image_sizes, sizes),
        ('labelled keypoints', has_keypoints, draw_keypoints, summary),
    )
    for axes, (name, has_data, draw, data) in zip(
        figure.subplots(2, 2).flat, panels
    ):
        axes.set_title(name)
        if has_data:
            draw(axes, data)
        else:
            show_message(axes, 'no data')
    figure.suptitle(title, fontsize=10)
    save_figure(figure, out)
