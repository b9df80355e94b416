"""Draw AP against stride (paper Fig. 1) or images, and against training."""

from typing import List, Optional

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..visualization.style import in_style, line_colors, save_figure

# Key of a result: label of the axis.
BUDGETS = dict(images_seen='images seen', minutes='minutes of training steps')


def draw_lines(
    axes: Axes, rows: List[dict], key: str, label: str = '', **style
) -> None:
    """Draw one line per method through its rows, ordered by a key."""
    methods = list(dict.fromkeys(row['method'] for row in rows))
    for i, (method, color) in enumerate(zip(methods, line_colors(methods))):
        points = sorted(
            (row[key], row['AP']) for row in rows if row['method'] == method
        )
        axes.plot(
            *zip(*points),
            label=method + label,
            color=color,
            marker='o',
            markersize=max(5, 10 - 1.5 * i),  # equal points stay visible
            clip_on=False,
            **style,
        )


@in_style()
def draw_ap(
    rows: List[dict], out: str, title: str, x_label: Optional[str] = None
) -> None:
    """Draw AP against stride, with the published points behind.

    Args:
        rows (list[dict]): Results with ``method``, ``stride``, ``AP`` in
            percent and ``how``. Rows without an AP are left out.
        out (str): Picture to write.
        title (str): Title of the figure.
        x_label (str, optional): Draws AP against ``x`` of the rows instead,
            and calls it so. Rows without ``x`` are left out.
    """
    key = 'x' if x_label else 'stride'
    rows = [
        row
        for row in rows
        if row.get('AP') is not None and row.get(key) is not None
    ]
    figure = Figure(figsize=(5.6, 4))
    axes = figure.subplots()
    draw_lines(
        axes,
        [row for row in rows if row['how'] == 'published'],
        key,
        ', published (COCO, 512 pixels)',
        linestyle=':',
        markerfacecolor='white',
        alpha=0.6,
    )
    measured = [row for row in rows if row['how'] != 'published']
    label = '' if x_label else ', here'
    draw_lines(axes, measured, key, label, linewidth=2)
    axes.set_xscale('log', base=2)
    values = sorted({row[key] for row in rows})
    axes.set_xticks(values, list(map(str, values)))
    axes.minorticks_off()
    axes.set(xlabel=x_label or 'stride (pixels)', ylabel='AP', title=title)
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
    axes.locator_params(axis='x', nbins=5)


@in_style()
def draw_convergence(rows: List[dict], out: str, title: str) -> None:
    """Draw AP against images seen and against minutes of training.

    Args:
        rows (list[dict]): Results. Those with a ``curve``, dicts with
            ``epoch`` and ``AP``, are drawn; without any curve of several
            points no picture is written.
        out (str): Picture to write.
        title (str): Title of the figure.
    """
    rows = [row for row in rows if row.get('curve')]
    if all(len(row['curve']) == 1 for row in rows):
        return
    figure = Figure(figsize=(8, 3.2))
    panels = figure.subplots(1, len(BUDGETS))
    for axes, budget in zip(panels, BUDGETS):
        draw_budget(axes, rows, budget)
    panels[-1].legend()
    figure.suptitle(title, fontsize=9)
    save_figure(figure, out)
