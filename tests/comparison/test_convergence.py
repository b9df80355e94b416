"""The figure of convergence needs a curve."""

from poet_mm.comparison.convergence import draw_convergence


def test_convergence_needs_a_curve(tmp_path):
    out = tmp_path / 'convergence.png'
    row = dict(method='AE', epochs=2, images_seen=10, minutes=1.0)
    curve = [dict(epoch=1, AP=2.0), dict(epoch=2, AP=5.0)]
    waiting = dict(method='AE', how='waiting')
    draw_convergence([waiting, dict(row, curve=curve[1:])], out, 'title')
    assert not out.exists()
    draw_convergence([dict(row, curve=curve)] * 2, out, 'title')
    assert out.is_file()
