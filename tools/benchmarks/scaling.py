"""Draw time and memory of attention against the number of tokens."""

from pathlib import Path
from typing import List

from matplotlib.figure import Figure

from poet_mm.visualization.style import COLORS, in_style, save_figure

from . import Row


@in_style()
def draw_scaling(rows: List[Row], out: Path) -> None:
    """Draw milliseconds and peak MB against tokens, both axes logarithmic.

    Args:
        rows (list[Row]): Rows of the attention, whose case begins with the
            number of tokens.
        out (Path): Picture to write.
    """
    rows = [row for row in rows if row.theirs]
    tokens = [int(row.case.split()[0]) for row in rows]
    figure = Figure(figsize=(8, 3.6))
    panels = figure.subplots(1, 2)
    for axes, key, label in (
        (panels[0], 'median', 'forward + backward (ms)'),
        (panels[1], 'peak_mb', 'peak memory (MB)'),
    ):
        for side, name, color in (
            ('theirs', rows[0].incumbent, COLORS[1]),
            ('ours', 'poet_mm', COLORS[0]),
        ):
            axes.plot(
                tokens,
                [getattr(getattr(row, side), key) for row in rows],
                label=name,
                marker='o',
                color=color,
            )
        axes.set(xlabel='tokens', ylabel=label, xscale='log', yscale='log')
    panels[0].legend()
    save_figure(figure, str(out))
