"""Draw AP against stride (paper Fig. 1) and against training."""

from typing import List

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..visualization.style import in_style, line_colors, save_figure

# Key of a result: label of the axis.
BUDGETS = dict(images_seen='images seen', minutes='minutes of training steps')


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
    """Draw AP against stride, with the published points behind.

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


def draw_budget(axes: Axes, rows: List[dict], budget: str) -> None:
    """Draw AP of every row against images or minutes, coloured by method."""
    methods = list(dict.fromkeys(row['method'] for row in rows))
    colors = dict(zip(methods, line_colors(methods)))
    for row in rows:
        per_epoch = row[budget] / row['epochs']
        axes.plot(
            [per_epoch * point['epoch'] for point in row['curve']],
            [point['AP'] for point in row['curve']],
            marker='.',
            color=colors[row['method']],
        )
    for method, color in colors.items():
        axes.plot([], [], marker='.', color=color, label=method)
    axes.set(xlabel=BUDGETS[budget], ylabel='AP')
    axes.set_ylim(bottom=0)


@in_style()
def draw_convergence(rows: List[dict], out: str, title: str) -> None:
    """Draw AP against images seen and against minutes of training.

    Args:
        rows (list[dict]): Results. Those with a ``curve`` of several points,
            dicts with ``epoch`` and ``AP``, are drawn; without any such row
            no picture is written.
        out (str): Picture to write.
        title (str): Title of the figure.
    """
    rows = [row for row in rows if len(row.get('curve') or []) > 1]
    if not rows:
        return
    figure = Figure(figsize=(8, 3.2))
    panels = figure.subplots(1, len(BUDGETS))
    for axes, budget in zip(panels, BUDGETS):
        draw_budget(axes, rows, budget)
    panels[-1].legend()
    figure.suptitle(title, fontsize=9)
    save_figure(figure, out)
