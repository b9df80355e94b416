"""Draw AP against stride for both methods (paper Fig. 1)."""

from typing import List

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..visualization.style import in_style, line_colors, save_figure


def draw_lines(axes: Axes, rows: List[dict], label: str, **style) -> None:
    """Draw one line per method through its rows, ordered by stride."""
    methods = list(dict.fromkeys(row['method'] for row in rows))
    for method, color in zip(methods, line_colors(methods)):
        points = sorted(
            (row['stride'], row['AP'])
            for row in rows
            if row['method'] == method
        )
        axes.plot(
            *zip(*points), label=f'{method}, {label}', color=color, **style
        )


@in_style()
def draw_strides(rows: List[dict], out: str, title: str) -> None:
    """Draw AP against stride, the published points behind the measured ones.

    Args:
        rows (list[dict]): Results with ``method``, ``stride``, ``AP`` in
            percent and ``how``. Rows without an AP are left out.
        out (str): Picture to write.
        title (str): Title of the figure.
    """
    rows = [row for row in rows if row.get('AP') is not None]
    figure = Figure(figsize=(5.6, 4))
    axes = figure.subplots()
    draw_lines(
        axes,
        [row for row in rows if row['how'] == 'published'],
        'published (COCO, 512 pixels)',
        marker='o',
        linestyle=':',
        markerfacecolor='white',
        alpha=0.6,
    )
    measured = [row for row in rows if row['how'] != 'published']
    draw_lines(axes, measured, 'here', marker='o', linewidth=2)
    axes.set_xscale('log', base=2)
    strides = sorted({row['stride'] for row in rows})
    axes.set_xticks(strides, list(map(str, strides)))
    axes.minorticks_off()
    axes.set(xlabel='stride (pixels)', ylabel='AP', title=title)
    axes.set_ylim(bottom=0)
    if rows:
        axes.legend()
    save_figure(figure, out)
