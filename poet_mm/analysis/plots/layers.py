"""Draw AP of every decoder layer (paper Fig. 9)."""

from typing import List

from matplotlib.figure import Figure

from ...visualization.style import (
    COLORS,
    METHOD_COLORS,
    in_style,
    save_figure,
    show_message,
)

LINES = {
    'AP': dict(color=METHOD_COLORS['POET'], linewidth=2.4),
    'AP50': dict(color=COLORS[5], linestyle='--'),
    'AP75': dict(color=COLORS[2], linestyle='--'),
    'APM': dict(color=COLORS[4], linestyle=':'),
    'APL': dict(color=COLORS[3], linestyle=':'),
}


@in_style()
def draw_layers(rows: List[dict], out: str) -> None:
    """Draw AP against the decoder layer.

    Args:
        rows (list[dict]): ``layer`` (from 1), and COCO's numbers in percent or
            None.
        out (str): Picture to write.
    """
    figure = Figure(figsize=(5.2, 3.6))
    axes = figure.subplots()
    for name, style in LINES.items():
        points = [
            (row['layer'], row[name]) for row in rows if row[name] is not None
        ]
        if points:
            axes.plot(
                *zip(*points), marker='o', label=name, clip_on=False, **style
            )
    if not axes.lines:
        show_message(axes, 'no labelled people')
    else:
        axes.set(xlabel='decoder layer', ylabel='AP (%)')
        axes.set_xticks([row['layer'] for row in rows])
        axes.set_ylim(0, max(1, axes.get_ylim()[1]))
        axes.margins(x=0.05)
        figure.legend(loc='outside right upper')
    save_figure(figure, out)
