"""Draw predicted visibility, by class and as a detector (paper Fig. 8)."""

from typing import Mapping, Optional

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...visualization.style import (
    GREY,
    METHOD_COLORS,
    in_style,
    save_figure,
    show_message,
)

NAMES = {0: 'not labelled', 1: 'occluded', 2: 'visible'}


def draw_violins(axes: Axes, groups: Mapping[int, np.ndarray]) -> None:
    """Draw one violin for each class that has keypoints."""
    for v, values in groups.items():
        if len(values):
            parts = axes.violinplot(
                values, [v], widths=0.8, showmedians=True, showextrema=False
            )
            for body in parts['bodies']:
                body.set(facecolor=METHOD_COLORS['POET'], alpha=0.5)
            parts['cmedians'].set(color='black')
    axes.set_xticks(
        list(groups),
        [f'v = {v}\n{NAMES[v]}\n{len(groups[v]):,} keypoints' for v in groups],
    )
    axes.set(
        xlim=(-0.6, 2.6), ylim=(-0.02, 1.02), ylabel='predicted visibility'
    )
    axes.grid(axis='x', visible=False)


def draw_roc(axes: Axes, detector: Optional[Mapping]) -> None:
    """Draw the ROC of 1 - visibility, and of chance."""
    if detector is None:
        show_message(
            axes, 'no occluded and visible keypoints\nof matched people'
        )
        return
    axes.plot([0, 1], [0, 1], ':', color=GREY, label='chance')
    axes.plot(
        detector['false_positive_rate'],
        detector['true_positive_rate'],
        color=METHOD_COLORS['POET'],
        label=f'AUC {detector["auc"]:.3f}\nAP {detector["ap"]:.3f} '
        f'(chance {detector["occluded_share"]:.3f})',
    )
    axes.set(
        xlim=(-0.01, 1.01),
        ylim=(-0.01, 1.01),
        aspect='equal',
        xlabel='false positive rate (visible keypoints)',
        ylabel='true positive rate (occluded keypoints)',
    )
    axes.legend(loc='best')


@in_style()
def draw_visibility(
    groups: Mapping[int, np.ndarray], detector: Optional[Mapping], out: str
) -> None:
    """Draw violins, and the ROC of occlusion.

    Args:
        groups (Mapping): Predicted visibility (n, ) of keypoints, by COCO's v.
        detector (Mapping, optional): What ``occlusion_detector`` returns.
        out (str): Picture to write.
    """
    figure = Figure(figsize=(8, 3.6))
    violins, roc = figure.subplots(1, 2, width_ratios=(1.25, 1))
    if any(map(len, groups.values())):
        draw_violins(violins, groups)
        violins.set_title('keypoints of matched people')
    else:
        show_message(violins, 'no matched people')
    draw_roc(roc, detector)
    roc.set_title('1 - visibility as a detector of occlusion')
    save_figure(figure, out)
