"""Figures of rows that are not all there."""

from poet_mm.comparison.figures import draw_ap, draw_convergence


def test_convergence_needs_a_curve(tmp_path):
    out = tmp_path / 'convergence.png'
    row = dict(method='AE', epochs=2, images_seen=10, minutes=1.0)
    curve = [dict(epoch=1, AP=2.0), dict(epoch=2, AP=5.0)]
    waiting = dict(method='AE', how='waiting')
    draw_convergence([waiting, dict(row, curve=curve[1:])], out, 'title')
    assert not out.exists()
    draw_convergence([dict(row, curve=curve)] * 2, out, 'title')
    assert out.is_file()


def test_convergence_has_rows_of_one_epoch(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        'poet_mm.comparison.figures.save_figure',
        lambda figure, out: drawn.append(figure),
    )
    long = dict(method='AE', epochs=2, images_seen=10, minutes=1.0)
    long['curve'] = [dict(epoch=1, AP=2.0), dict(epoch=2, AP=5.0)]
    short = dict(method='POET', epochs=1, images_seen=5, minutes=0.5)
    short['curve'] = [dict(epoch=1, AP=9.0)]
    draw_convergence([long, short], tmp_path / 'out.png', 'title')
    images, minutes = (
        [line.get_xydata().tolist() for line in axes.lines][:2]
        for axes in drawn[0].axes
    )
    assert images == [[[5, 2], [10, 5]], [[5, 9]]]
    assert minutes == [[[0.5, 2], [1, 5]], [[0.5, 9]]]


def test_strides_of_nothing_yet(tmp_path):
    rows = [dict(method='AE', how='failed: so'), dict(method='POET', AP=1.0)]
    rows[1].update(stride=32, how='trained here')
    for name, some in (('two.png', rows), ('none.png', [])):
        draw_ap(some, tmp_path / name, 'title')
        assert (tmp_path / name).is_file()


def test_ap_over_x(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        'poet_mm.comparison.figures.save_figure',
        lambda figure, out: drawn.append(figure),
    )
    rows = [
        dict(method='AE', stride=32, AP=3.0, how='trained here', x=100),
        dict(method='AE', stride=32, AP=1.0, how='trained here', x=25),
        dict(method='AE', stride=32, AP=9.0, how='trained here', x=None),
        dict(method='POET', stride=32, AP=46.6, how='published'),
    ]
    draw_ap(rows, tmp_path / 'x.png', 'title', 'training images')
    (axes,) = drawn[0].axes
    (line,) = axes.lines
    assert line.get_xydata().tolist() == [[25, 1], [100, 3]]
    assert line.get_label() == 'AE'
    assert axes.get_xlabel() == 'training images'
