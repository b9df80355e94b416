"""Losses and AP over training, from mmengine's log (paper Fig. 4 and 6)."""

from typing import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from ...utils.logs import (
    VALIDATION,
    Records,
    loss_keys,
    of_decoder_layers,
    series,
)
from ...visualization.style import (
    GREY,
    in_style,
    line_colors,
    save_figure,
    say_nothing_to_show,
)

COLUMNS = (3, 4)  # of panels, whichever leaves fewer places empty
LINES = {  # of training and validation images
    '': dict(linestyle='-', marker='.'),
    VALIDATION: dict(
        linestyle='--', marker='o', markersize=5, markerfacecolor='white'
    ),
}


def time_unit(runs: Mapping[str, Records]) -> str:
    """What :func:`series` counts."""
    by_epoch = any(
        'epoch' in record for records in runs.values() for record in records
    )
    return 'epoch' if by_epoch else 'iteration'


def use_plain_ticks(axes: Axes) -> None:
    """Numbers as they are on a logarithmic axis, few but some."""
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
    """One term of all runs; dashed on validation images."""
    for name, records in runs.items():
        for prefix, style in LINES.items():
            epochs, values = series(records, prefix + key)
            if len(epochs) >= 30:
                style = dict(style, marker='')
            axes.plot(epochs, values, color=colors[name], **style)
    title = 'loss, all layers' if key == 'loss' else key
    axes.set(yscale='log', xlabel=time_unit(runs), title=title)
    use_plain_ticks(axes)


def draw_ap(
    axes: Axes,
    runs: Mapping[str, Records],
    colors: Mapping[str, str],
    title: str,
) -> None:
    """AP of all runs, and AP50 in thin lines."""
    for name, records in runs.items():
        for key, style in (
            ('coco/AP', dict(marker='.')),
            ('coco/AP .5', dict(linestyle=':')),
        ):
            axes.plot(*series(records, key), color=colors[name], **style)
    if not any(line.get_xdata().size for line in axes.lines):
        say_nothing_to_show(axes, 'no validation yet')
    axes.set_ylim(0, max(0.1, min(1, axes.get_ylim()[1])))
    axes.set(xlabel=time_unit(runs), title=title)


def align_epochs(panels: Sequence[Axes]) -> None:
    """The same whole epochs on all panels, so that they can be compared."""
    epochs = [
        epoch
        for axes in panels
        for line in axes.lines
        for epoch in line.get_xdata()
    ]
    low, high = min(epochs, default=0), max(epochs, default=1)
    margin = 0.04 * (high - low) or 0.5
    for axes in panels:
        axes.set_xlim(low - margin, high + margin)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))


def method_of(records: Records) -> str:
    """Whose training it was, by the names of its losses."""
    return 'AE' if 'loss_heatmap' in loss_keys(records) else 'POET'


@in_style()
def draw_curves(runs: Mapping[str, Records], out: str, ap_label: str) -> None:
    """Draw the losses, term by term, and AP over epochs.

    Args:
        runs (Mapping): Name of each run -> what :func:`read_scalars` gave.
        out (str): Picture to write.
        ap_label (str): Title of the panel of AP.
    """
    runs = {name: of_decoder_layers(runs[name]) for name in runs}
    keys = list(
        dict.fromkeys(
            key for records in runs.values() for key in loss_keys(records)
        )
    )
    count = len(keys) + 1
    columns = min(COLUMNS, key=lambda columns: -count % columns)
    rows = -(-count // columns)
    figure = Figure(figsize=(3 * columns, 2.5 * rows + 0.3))
    cells = figure.subplots(rows, columns, squeeze=False).ravel()
    colors = dict(zip(runs, line_colors(list(map(method_of, runs.values())))))
    for axes, key in zip(cells, keys):
        draw_loss(axes, runs, key, colors)
    draw_ap(cells[len(keys)], runs, colors, ap_label)
    align_epochs(cells[: len(keys) + 1])
    for axes in cells[len(keys) + 1 :]:
        axes.axis('off')
    validated = any(
        key.startswith(VALIDATION)
        for records in runs.values()
        for record in records
        for key in record
    )
    draw_legend(figure, colors, validated)
    save_figure(figure, out)


def draw_legend(
    figure: Figure, colors: Mapping[str, str], validated: bool
) -> None:
    """Runs by colour, and what the kinds of lines are."""
    lines = {
        name: dict(color=color)
        for name, color in colors.items()
        if len(colors) > 1
    }
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
