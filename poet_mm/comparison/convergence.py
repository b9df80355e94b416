"""Draw AP of a comparison's rows during training."""

from typing import List

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..visualization.style import in_style, line_colors, save_figure

# Key of a result: label of the axis.
BUDGETS = dict(images_seen='images seen', minutes='minutes of training steps')


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
