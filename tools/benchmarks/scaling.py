"""Time and memory of attention against the number of tokens."""
from typing import Dict, List

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from poet_mm.visualization.style import COLORS, in_style, save_figure


def draw_points(axes: Axes, points: Dict[int, float], label: str,
                **style) -> None:
    """One line through the numbers of tokens that have a value."""
    known = sorted(item for item in points.items() if item[1])
    if known:
        axes.plot(*zip(*known), label=label, marker='o', **style)


@in_style()
def draw_scaling(rows: List, out: str) -> None:
    """Draw two panels, milliseconds and peak MB of a batch, log-log.

    Args:
        rows (list): Rows of the benchmark with ``tokens``, ``incumbent``,
            and per side ``theirs`` (or None) and ``ours`` a timing with
            ``median`` in ms and ``peak_mb``.
        out (str): Picture to write.
    """
    rows = [row for row in rows if row.tokens]
    figure = Figure(figsize=(8, 3.6))
    panels = figure.subplots(1, 2)
    for axes, key, label in ((panels[0], 'median', 'forward + backward (ms)'),
                             (panels[1], 'peak_mb', 'peak memory (MB)')):
        for side, name, color in (('theirs', rows[0].incumbent if rows else '',
                                   COLORS[1]), ('ours', 'poet_mm', COLORS[0])):
            timings = {row.tokens: getattr(row, side) for row in rows}
            points = {
                tokens: getattr(timing, key)
                for tokens, timing in timings.items() if timing is not None
            }
            draw_points(axes, points, name, color=color)
        axes.set(xlabel='tokens', ylabel=label, xscale='log', yscale='log')
    if rows:
        panels[0].legend()
    save_figure(figure, out)
