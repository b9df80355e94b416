"""Best and worst images beside the truth (paper Fig. 3)."""

from collections import Counter
from typing import Mapping, Sequence

import mmcv
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from ...visualization.predictions import draw_people
from ...visualization.style import (
    CAUSE_COLORS,
    hide,
    in_style,
    save_figure,
    say_nothing_to_show,
)


def draw_boxes(axes: Axes, bbox: np.ndarray, causes: Sequence[str]) -> None:
    """Boxes (N, 4) in the colours of what each person suffers from."""
    for (x, y, width, height), cause in zip(bbox, causes):
        axes.add_patch(
            Rectangle(
                (x, y),
                width,
                height,
                fill=False,
                linewidth=1.5,
                edgecolor=CAUSE_COLORS[cause],
            )
        )


def count_causes(causes: Sequence[str]) -> str:
    """'2 missed, 1 swap'."""
    return ', '.join(
        f'{count} {cause}' for cause, count in Counter(causes).most_common()
    )


def draw_pairs(
    part: SubFigure,
    title: str,
    images: Sequence,
    pixels: Mapping,
    metainfo: Mapping,
    method: str,
    columns: int,
) -> None:
    """Truth above prediction, one column per image."""
    part.suptitle(title, fontsize=10, fontweight='bold')
    cells = part.subplots(2, columns, squeeze=False)
    for axes in cells.ravel():
        hide(axes)
    if not images:
        say_nothing_to_show(cells[0, 0], 'no image with labelled people')
    for image, (truth, prediction) in zip(images, cells.T):
        for axes, people in ((truth, image.truth), (prediction, image.found)):
            axes.imshow(pixels[image.path])
            axes.autoscale(False)
            draw_people(axes, people, metainfo)
        draw_boxes(truth, image.bbox, image.causes)
        truth.set_anchor('S')  # close to the prediction
        prediction.set_anchor('N')
        truth.set_title(
            f'OKS {image.oks:.2f}\n{count_causes(image.causes)}', fontsize=8
        )
        if image is images[0]:
            for axes, name in ((truth, 'truth'), (prediction, method)):
                axes.text(
                    -0.04,
                    0.5,
                    name,
                    transform=axes.transAxes,
                    rotation=90,
                    ha='right',
                    va='center',
                    fontsize=9,
                )


def part_height(images: Sequence, pixels: Mapping) -> float:
    """Inches that two rows of images of 2.2 inches width need, at most."""
    shapes = [pixels[image.path].shape for image in images]
    tallest = max((height / width for height, width, _ in shapes), default=0.6)
    return 2 * 2.2 * min(tallest, 1) + 0.7


@in_style()
def draw_best_worst(
    best: Sequence, worst: Sequence, metainfo: Mapping, method: str, out: str
) -> None:
    """Draw the images at both ends of the ranking.

    Args:
        best, worst (Sequence[RankedImage]): As many of each as are drawn; see
            ``poet_mm.analysis.predictions``.
        metainfo (Mapping): Skeleton and its colours, see ``draw_people``.
        method (str): Whose predictions they are.
        out (str): Picture to write.
    """
    pixels = {
        image.path: mmcv.imread(image.path, channel_order='rgb')
        for image in (*best, *worst)
    }
    columns = max(len(best), len(worst), 1)
    heights = [part_height(images, pixels) for images in (best, worst)]
    figure = Figure(figsize=(max(2.2 * columns, 6), sum(heights) + 0.3))
    parts = figure.subfigures(2, 1, height_ratios=heights)
    for part, title, images in zip(parts, ('Best', 'Worst'), (best, worst)):
        draw_pairs(part, title, images, pixels, metainfo, method, columns)
    names = dict.fromkeys(
        cause for image in (*best, *worst) for cause in image.causes
    )
    if names:
        figure.legend(
            [
                Line2D(
                    [],
                    [],
                    color=CAUSE_COLORS[name],
                    marker='s',
                    markerfacecolor='none',
                    linestyle='',
                )
                for name in names
            ],
            list(names),
            loc='outside lower center',
            ncols=len(names),
        )
    save_figure(figure, out)
