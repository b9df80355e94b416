"""Draw best and worst images beside the ground truth (paper Fig. 3)."""

from collections import Counter
from typing import TYPE_CHECKING, Dict, List, Mapping

import mmcv
import numpy as np
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from ...visualization.skeletons import draw_people
from ...visualization.style import (
    CAUSE_COLORS,
    in_style,
    save_figure,
    show_message,
)
from .attention import label_row

if TYPE_CHECKING:
    from ..predictions import RankedImage

WIDTH = 2.2  # of an image, in inches


def draw_pairs(
    part: SubFigure,
    images: List['RankedImage'],
    pixels: Dict[str, np.ndarray],
    metainfo: Mapping,
    method: str,
    columns: int,
) -> None:
    """Draw ground truth above prediction, one column per image."""
    cells = part.subplots(2, columns, squeeze=False)
    for axes in cells.ravel():
        axes.axis('off')
    if not images:
        show_message(cells[0, 0], 'no image with labelled people')
        return
    label_row(cells[0, 0], 'ground truth')
    label_row(cells[1, 0], method)
    for image, (above, below) in zip(images, cells.T):
        for axes, people in (
            (above, image.ground_truth),
            (below, image.found),
        ):
            axes.imshow(pixels[image.path])
            axes.autoscale(False)
            draw_people(axes, people, metainfo)
        for (x, y, width, height), cause in zip(image.bbox, image.causes):
            style = dict(fill=False, linewidth=1.5, ec=CAUSE_COLORS[cause])
            above.add_patch(Rectangle((x, y), width, height, **style))
        above.set_anchor('S')  # close to the prediction
        below.set_anchor('N')
        causes = Counter(image.causes).most_common()
        listed = ', '.join(f'{count} {cause}' for cause, count in causes)
        above.set_title(f'OKS {image.oks:.2f}\n{listed}', fontsize=8)


@in_style()
def draw_best_worst(
    best: List['RankedImage'],
    worst: List['RankedImage'],
    metainfo: Mapping,
    method: str,
    out: str,
) -> None:
    """Draw the images at both ends of the ranking.

    Args:
        best (list[RankedImage]): Best images, best first.
        worst (list[RankedImage]): Worst images, worst first.
        metainfo (Mapping): Skeleton and its colours, see ``draw_people``.
        method (str): Label of the predictions.
        out (str): Picture to write.
    """
    pixels = {
        image.path: mmcv.imread(image.path, channel_order='rgb')
        for image in (*best, *worst)
    }
    columns = max(len(best), len(worst), 1)
    heights = []  # of two rows of images
    for images in (best, worst):
        shapes = [pixels[image.path].shape for image in images]
        tallest = max((h / w for h, w, _ in shapes), default=0.6)
        heights.append(2 * WIDTH * min(tallest, 1) + 0.7)
    figure = Figure(figsize=(max(WIDTH * columns, 6), sum(heights) + 0.3))
    parts = figure.subfigures(2, 1, height_ratios=heights)
    for part, title, images in zip(parts, ('Best', 'Worst'), (best, worst)):
        part.suptitle(title, fontsize=10, fontweight='bold')
        draw_pairs(part, images, pixels, metainfo, method, columns)
    names = dict.fromkeys(
        cause for image in (*best, *worst) for cause in image.causes
    )
    if names:
        style = dict(marker='s', markerfacecolor='none', linestyle='')
        figure.legend(
            [
                Line2D([], [], color=CAUSE_COLORS[name], **style)
                for name in names
            ],
            list(names),
            loc='outside lower center',
            ncols=len(names),
        )
    save_figure(figure, out)
