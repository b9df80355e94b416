"""Colours of methods, and a style that stays in its figures."""

import matplotlib

from poet_mm.analysis.plots.curves import draw_curves
from poet_mm.visualization.style import COLORS, METHOD_COLORS, line_colors


def test_a_method_has_its_color():
    """And no two lines the same, as long as there are colours."""
    blue, orange = METHOD_COLORS['POET'], METHOD_COLORS['AE']
    assert line_colors(['AE', 'POET']) == [orange, blue]
    colors = line_colors(['POET', 'POET', 'AE', 'mine', 'POET'])
    assert colors[0] == blue
    assert colors[2] == orange
    assert len(set(colors)) == 5
    second = line_colors(['POET', 'POET'])[1]
    assert second not in METHOD_COLORS.values()
    assert set(line_colors(['POET'] * 9)) == set(COLORS)


def test_style_stays_in_its_figures(tmp_path):
    before = dict(matplotlib.rcParams)
    records = [dict(loss=1.0, loss_cls=1.0, step=1)]
    draw_curves({'run': records}, str(tmp_path / 'curves'))
    assert (tmp_path / 'curves.pdf').is_file()
    assert dict(matplotlib.rcParams) == before
