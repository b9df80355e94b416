"""Draw predicted visibility (paper Fig. 8): classes, detector, reliability."""

from typing import Mapping, Optional

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...visualization.style import (
    COLORS,
    GREY,
    METHOD_COLORS,
    in_style,
    save_figure,
    show_message,
)

NAMES = {0: 'not labelled', 1: 'hidden', 2: 'visible'}
QUESTIONS = dict(  # name and colour in the reliability diagram
    trained=('v = 2 against 0, 1', METHOD_COLORS['POET']),
    visible=('v = 2 against 1', COLORS[1]),
    labelled=('v > 0 against 0', COLORS[3]),
)
POINT_AREAS = (8, 150)  # square points, for 0 and all keypoints


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
            axes, 'no hidden and visible keypoints\nof matched people'
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
        ylabel='true positive rate (hidden keypoints)',
    )
    axes.legend(loc='best')


def draw_reliability(axes: Axes, calibration: Mapping[str, Mapping]) -> None:
    """Draw predicted visibility against observed shares, and the diagonal."""
    if all(numbers['ece'] is None for numbers in calibration.values()):
        show_message(axes, 'no keypoints of two classes\nof matched people')
        return
    axes.plot([0, 1], [0, 1], ':', color=GREY, label='perfect')
    for question, numbers in calibration.items():
        if numbers['ece'] is not None:
            draw_bins(axes, numbers, *QUESTIONS[question])
    axes.set(
        xlim=(-0.03, 1.03),
        ylim=(-0.03, 1.03),
        aspect='equal',
        xlabel='mean predicted visibility of a bin',
        ylabel='share of visible or labelled keypoints',
    )
    axes.legend(loc='best')


def draw_bins(axes: Axes, numbers: Mapping, name: str, color: str) -> None:
    """Draw one line, with points whose area grows with the keypoints."""
    bins = numbers['bins']
    x, y, count = np.array(
        [
            triple
            for triple in zip(bins['confidence'], bins['share'], bins['count'])
            if triple[2]
        ]
    ).T
    axes.plot(x, y, color=color, label=f'{name}: ECE {numbers["ece"]:.3f}')
    areas = np.interp(np.sqrt(count / count.sum()), (0, 1), POINT_AREAS)
    axes.scatter(x, y, areas, color=color, alpha=0.6)


@in_style()
def draw_visibility(
    groups: Mapping[int, np.ndarray],
    detector: Optional[Mapping],
    calibration: Mapping[str, Mapping],
    out: str,
) -> None:
    """Draw violins, the ROC of hidden keypoints, and the reliability diagram.

    Args:
        groups (Mapping): Predicted visibility (n, ) of keypoints, by COCO's v.
        detector (Mapping, optional): What ``occlusion_detector`` returns.
        calibration (Mapping): For each question what ``measure`` returns, and
            ``bins``, what ``reliability_bins`` returns.
        out (str): Picture to write.
    """
    figure = Figure(figsize=(12, 3.6))
    violins, roc, reliability = figure.subplots(
        1, 3, width_ratios=(1.25, 1, 1)
    )
    if any(map(len, groups.values())):
        draw_violins(violins, groups)
        violins.set_title('keypoints of matched people')
    else:
        show_message(violins, 'no matched people')
    draw_roc(roc, detector)
    roc.set_title('1 - visibility as a detector of hidden keypoints')
    draw_reliability(reliability, calibration)
    reliability.set_title('visibility as a probability')
    save_figure(figure, out)
