"""Set the style of all figures.

Fonts are small, for one column. The colour-blind can tell the colours apart.
"""

import os.path as osp
from itertools import cycle
from typing import ContextManager, List, Sequence

from cycler import cycler
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe and Ito's colours, distinct for the colour-blind
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

# Causes of errors, in figures of predictions
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
    """Return the style, as a context or decorator for single figures."""
    return rc_context(STYLE)


def line_colors(methods: Sequence[str]) -> List[str]:
    """Return a colour for each line.

    Colours repeat only if there are more than six lines.

    The first line of a method has the method's colour. Other lines get the
    colours of no method, then those of no method in the figure.
    """
    taken = {METHOD_COLORS.get(method) for method in methods}
    free = [color for color in COLORS if color not in taken]
    free.sort(key=lambda color: color in METHOD_COLORS.values())
    free = cycle(free or COLORS)
    colors: List[str] = []
    for method in methods:
        color = METHOD_COLORS.get(method)
        needs_other = color is None or color in colors
        colors.append(next(free) if needs_other else color)
    return colors


def show_message(axes: Axes, text: str) -> None:
    """Write a text in place of a plot."""
    axes.axis('off')
    middle = dict(ha='center', va='center', transform=axes.transAxes)
    axes.text(0.5, 0.5, text, color=GREY, **middle)


def save_figure(figure: Figure, out: str) -> None:
    """Write a figure.

    Args:
        figure (Figure): The figure.
        out (str): File with the suffix of a picture; without one, OUT.png and
            OUT.pdf are written.
    """
    if osp.splitext(out)[1] in ('.png', '.pdf', '.svg', '.jpg'):
        figure.savefig(out)
        return
    for suffix in ('.png', '.pdf'):
        figure.savefig(f'{out}{suffix}')
