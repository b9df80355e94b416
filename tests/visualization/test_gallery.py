"""The gallery: odd names, small thumbnails, in a browser."""

import os

import cv2
import numpy as np
import pytest
from browser import browse, gallery_data, needs_chromium

from poet_mm.visualization.gallery import Entry, make_thumbnail, write_gallery


def test_gallery_of_nothing_and_odd_names(tmp_path):
    write_gallery(str(tmp_path / 'gallery.html'), [], 'Nothing')
    assert gallery_data(tmp_path)['entries'] == []
    name = 'a </script><b>&"\' #1?.jpg'
    entry = Entry(name, f'pictures/{name}', 'data:,', [0.5])
    write_gallery(str(tmp_path / 'gallery.html'), [entry], '<i>', [name])
    data = gallery_data(tmp_path)
    assert data['entries'][0]['name'] == name
    assert data['failures'] == [name]
    assert '#' not in data['entries'][0]['picture']
    page = (tmp_path / 'gallery.html').read_text()
    assert '<i>' not in page


def test_page_is_written_whole_or_not(tmp_path, monkeypatch):
    page = tmp_path / 'gallery.html'
    write_gallery(str(page), [], 'Old')

    def fails(*_):
        raise OSError('disk full')

    monkeypatch.setattr(os, 'replace', fails)
    with pytest.raises(OSError, match='disk full'):
        write_gallery(str(page), [], 'New')
    assert 'Old' in page.read_text()


def test_thumbnails_are_small():
    image = np.zeros((3000, 1000, 3), np.uint8)
    assert len(make_thumbnail(image)) < 2000
    make_thumbnail(image[:1])  # 1000 times as wide as high


@pytest.mark.slow
@needs_chromium
def test_gallery_in_a_browser(tmp_path):
    """The pictures are on the screen, and the arrow keys go on to the next
    and back, in any order; an odd file name changes nothing."""
    (tmp_path / 'pictures').mkdir()
    entries = []
    paint = [(0, 0, 255), (0, 255, 0), (255, 0, 0)]  # BGR
    names = ['first', 'second <b>#?', 'third']
    for name, color, people in zip(names, paint, (2, 1, 3)):
        image = np.full((300, 400, 3), color, np.uint8)
        file = f'pictures/{name}.png'
        cv2.imwrite(str(tmp_path / file), image)
        scores, thumbnail = [0.9] * people, make_thumbnail(image)
        entries.append(Entry(name, file, thumbnail, scores))
    page = tmp_path / 'gallery.html'
    write_gallery(str(page), entries, 'Three', ['x.jpg: broken'])

    shot = tmp_path / 'shot.png'
    browse(f'file://{page}#2', tmp_path, f'--screenshot={shot}')
    stage = cv2.imread(str(shot))[300, 780]
    np.testing.assert_allclose(stage, paint[1], atol=3)

    text = page.read_text()

    def dom_after(script):
        end = f'<script>{script}</script></html>'
        page.write_text(text.replace('</html>', end))
        return browse(f'file://{page}', tmp_path, '--dump-dom')

    press = (
        "document.dispatchEvent(new KeyboardEvent('keydown', "
        "{key: 'ArrowKEY', bubbles: true}));"
    )
    keys = ['Right', 'Right', 'Right', 'Left']
    dom = dom_after(''.join(press.replace('KEY', key) for key in keys))
    for part in (
        'second &lt;b&gt;#?</b>',
        '<span id="count">1 person</span>',
        '<span id="place">2 / 3</span>',
        'failed or ended early: 1',
    ):
        assert part in dom
    dom = dom_after(
        "at('order').value = 'many';"
        "at('order').dispatchEvent(new Event('change'));"
    )
    assert '<span id="count">3 people</span>' in dom
    assert '<span id="place">1 / 3</span>' in dom
