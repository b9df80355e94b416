"""How all figures look: legible in a column, and for the colour-blind."""

import os.path as osp
from itertools import cycle
from typing import ContextManager, List, Sequence

from cycler import cycler
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe and Ito's colours, which the colour-blind tell apart
COLORS = ('#0072B2', '#E69F00', '#009E73', '#D55E00', '#CC79A7', '#56B4E9')
GREY = '#777777'

# A method has the same colour in every figure.
METHOD_COLORS = {
    'POET': COLORS[0],
    'fast POET': COLORS[2],
    'AE': COLORS[1],
    'POET, dilated': COLORS[5],
    'AE, dilated': COLORS[3],
}

# What suffers from what, in figures of predictions
CAUSE_COLORS = dict(
    good=COLORS[0],
    jitter=COLORS[5],
    swap=COLORS[4],
    merged=COLORS[1],
    missed=COLORS[3],
    small=GREY,
)

STYLE = {
    'font.size': 9,
    'axes.titlesize': 9,
    'axes.labelsize': 9,
    'xtick.labelsize': 8,
    'ytick.labelsize': 8,
    'legend.fontsize': 8,
    'legend.frameon': False,
    'axes.spines.top': False,
    'axes.spines.right': False,
    'axes.axisbelow': True,
    'axes.grid': True,
    'grid.alpha': 0.3,
    'axes.prop_cycle': cycler(color=COLORS),
    'image.cmap': 'cividis',
    'savefig.dpi': 150,
    'pdf.fonttype': 42,  # text that can be searched and edited
    'figure.constrained_layout.use': True,
}


def in_style() -> ContextManager:
    """The style, as a context or as a decorator; other figures of the process
    keep theirs.
    """
    return rc_context(STYLE)


def line_colors(methods: Sequence[str]) -> List[str]:
    """Colours of lines, all different as long as there are some left.

    The first line of a method has its colour; others take what no method has,
    then what no method of the figure has.
    """
    taken = {METHOD_COLORS.get(method) for method in methods}
    free = [color for color in COLORS if color not in taken]
    free.sort(key=lambda color: color in METHOD_COLORS.values())
    free = cycle(free or COLORS)
    colors: List[str] = []
    for method in methods:
        color = METHOD_COLORS.get(method)
        colors.append(
            next(free) if color is None or color in colors else color
        )
    return colors


def hide(axes: Axes) -> None:
    """No frame, no ticks: an image, or nothing."""
    axes.axis('off')


def say_nothing_to_show(axes: Axes, text: str) -> None:
    """Words where a plot would be."""
    hide(axes)
    axes.text(
        0.5,
        0.5,
        text,
        transform=axes.transAxes,
        ha='center',
        va='center',
        color=GREY,
    )


def save_figure(figure: Figure, out: str) -> None:
    """Write a figure.

    Args:
        figure (Figure): Drawn in the style.
        out (str): Picture to write, by its ending; without one, OUT.png and
            OUT.pdf.
    """
    if osp.splitext(out)[1] in ('.png', '.pdf', '.svg', '.jpg'):
        figure.savefig(out)
        return
    for ending in ('.png', '.pdf'):
        figure.savefig(f'{out}{ending}')
