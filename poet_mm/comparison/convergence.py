"""AP of a comparison's rows while they were trained."""

from typing import List

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..visualization.style import in_style, line_colors, save_figure

# key of a row's result -> what its axis says
BUDGETS = dict(images_seen='images seen', minutes='minutes of training steps')


def draw_budget(axes: Axes, rows: List[dict], budget: str) -> None:
    """AP of every row against images or minutes, one colour per method."""
    methods = list(dict.fromkeys(row['method'] for row in rows))
    colors = dict(zip(methods, line_colors(methods)))
    labelled = set()
    for row in rows:
        each = row[budget] / row['epochs']
        method = row['method']
        axes.plot(
            [each * point['epoch'] for point in row['curve']],
            [point['AP'] for point in row['curve']],
            marker='.',
            color=colors[method],
            label=None if method in labelled else method,
        )
        labelled.add(method)
    axes.set(xlabel=BUDGETS[budget], ylabel='AP')
    axes.set_ylim(bottom=0)


@in_style()
def draw_convergence(rows: List[dict], out: str, title: str) -> bool:
    """Draw AP against images seen and against minutes.

    Args:
        rows (list[dict]): Results, see ``comparison/table.py``; those with a
            ``curve``, a list of dicts with ``epoch`` and ``AP``, are drawn.
        out (str): Picture to write, if there is anything to draw.
        title (str): What was trained.

    Returns:
        bool: Whether a row had a curve of more than its end.
    """
    rows = [row for row in rows if len(row.get('curve') or []) > 1]
    if not rows:
        return False
    figure = Figure(figsize=(8, 3.2))
    panels = figure.subplots(1, len(BUDGETS))
    for axes, budget in zip(panels, BUDGETS):
        draw_budget(axes, rows, budget)
    panels[-1].legend()
    figure.suptitle(title, fontsize=9)
    save_figure(figure, out)
    return True
