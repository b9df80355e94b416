"""Draw losses and AP over training (paper Fig. 4 and 6)."""

from typing import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from ...utils.logs import VALIDATION, Records, loss_keys, series
from ...visualization.style import (
    GREY,
    in_style,
    line_colors,
    save_figure,
    show_message,
)

COLUMNS = (3, 4)  # of panels, whichever leaves fewer places empty
LINES = {  # prefix of a loss: style of its line
    '': dict(linestyle='-', marker='.'),
    VALIDATION: dict(
        linestyle='--', marker='o', markersize=5, markerfacecolor='white'
    ),
}


def use_plain_ticks(axes: Axes) -> None:
    """Write a few plain numbers on a logarithmic axis."""
    low, high = axes.get_ylim()
    steps = (1, 2, 5, 10)
    axes.yaxis.set_major_locator(
        LogLocator(subs=steps[:3])
        if high > 10 * low
        else MaxNLocator(5, steps=steps)
    )
    axes.yaxis.set_major_formatter('{x:g}')
    axes.yaxis.set_minor_locator(NullLocator())


def draw_loss(
    axes: Axes,
    runs: Mapping[str, Records],
    key: str,
    colors: Mapping[str, str],
) -> None:
    """Draw one term of all runs, dashed for validation images."""
    for name, records in runs.items():
        for prefix, style in LINES.items():
            epochs, values = series(records, prefix + key)
            if len(epochs) >= 30:
                style = dict(style, marker='')
            axes.plot(epochs, values, color=colors[name], **style)
    axes.set(yscale='log', title='loss, all layers' if key == 'loss' else key)
    use_plain_ticks(axes)


def draw_ap(
    axes: Axes, runs: Mapping[str, Records], colors: Mapping[str, str]
) -> None:
    """Draw AP of all runs, and AP50 in thin lines."""
    for name, records in runs.items():
        color = colors[name]
        axes.plot(*series(records, 'coco/AP'), color=color, marker='.')
        axes.plot(*series(records, 'coco/AP .5'), color=color, linestyle=':')
    if not any(line.get_xdata().size for line in axes.lines):
        show_message(axes, 'no validation yet')
    axes.set_ylim(0, max(0.1, min(1, axes.get_ylim()[1])))
    axes.set(title='AP on validation images')


@in_style()
def draw_curves(runs: Mapping[str, Records], out: str) -> None:
    """Draw the losses, term by term, and AP over epochs.

    Args:
        runs (Mapping): Records of the log by the name of the run.
        out (str): Picture to write.
    """
    everything = [record for records in runs.values() for record in records]
    logged = {key for record in everything for key in record}
    keys = loss_keys(everything)
    count = len(keys) + 1
    columns = min(COLUMNS, key=lambda columns: -count % columns)
    rows = -(-count // columns)
    figure = Figure(figsize=(3 * columns, 2.5 * rows + 0.3))
    cells = figure.subplots(rows, columns, squeeze=False, sharex=True).ravel()
    methods = [
        'AE' if 'loss_heatmap' in loss_keys(records) else 'POET'
        for records in runs.values()
    ]
    colors = dict(zip(runs, line_colors(methods)))
    for axes, key in zip(cells, keys):
        draw_loss(axes, runs, key, colors)
    draw_ap(cells[len(keys)], runs, colors)
    for axes in cells[:count]:
        axes.set_xlabel('epoch' if 'epoch' in logged else 'iteration')
        axes.tick_params(labelbottom=True)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    for axes in cells[count:]:
        axes.axis('off')
    validated = any(key.startswith(VALIDATION) for key in logged)
    draw_legend(figure, colors, validated)
    save_figure(figure, out)


def draw_legend(
    figure: Figure, colors: Mapping[str, str], validated: bool
) -> None:
    """Explain the colours of runs and the kinds of lines."""
    lines = {}
    if len(colors) > 1:
        lines = {name: dict(color=color) for name, color in colors.items()}
    if validated:
        for name, style in zip(('training', 'validation'), LINES.values()):
            lines[f'{name} images'] = dict(style, color=GREY)
    lines['AP'] = dict(color=GREY, marker='.')
    lines['AP50'] = dict(color=GREY, linestyle=':')
    figure.legend(
        [Line2D([], [], **style) for style in lines.values()],
        list(lines),
        loc='outside lower center',
        ncols=min(len(lines), 4),
    )
