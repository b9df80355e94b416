"""The gallery: odd names, small thumbnails, in a browser."""

import cv2
import numpy as np
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


def test_thumbnails_are_small():
    image = np.zeros((3000, 1000, 3), np.uint8)
    assert len(make_thumbnail(image)) < 2000
    make_thumbnail(image[:1])  # 1000 times as wide as high


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
        cv2.imwrite(str(tmp_path / 'pictures' / f'{name}.png'), image)
        entries.append(
            Entry(
                name,
                f'pictures/{name}.png',
                make_thumbnail(image),
                [0.9] * people,
            )
        )
    page = tmp_path / 'gallery.html'
    write_gallery(str(page), entries, 'Three', ['x.jpg: broken'])

    shot = tmp_path / 'shot.png'
    browse(f'file://{page}#2', tmp_path, f'--screenshot={shot}')
    stage = cv2.imread(str(shot))[300, 780]
    np.testing.assert_allclose(stage, paint[1], atol=3)

    keys = ['ArrowRight', 'ArrowRight', 'ArrowRight', 'ArrowLeft']
    press = ''.join(
        "document.dispatchEvent(new KeyboardEvent('keydown', "
        f"{{key: '{key}', bubbles: true}}));"
        for key in keys
    )
    text = page.read_text()
    page.write_text(text.replace('</html>', f'<script>{press}</script>'))
    dom = browse(f'file://{page}', tmp_path, '--dump-dom')
    assert 'second &lt;b&gt;#?</b>' in dom
    assert '<span id="count">1 person</span>' in dom
    assert '<span id="place">2 / 3</span>' in dom
    assert '1 could not be shown' in dom
    choose = (
        "at('order').value = 'many';"
        "at('order').dispatchEvent(new Event('change'));"
    )
    page.write_text(text.replace('</html>', f'<script>{choose}</script>'))
    dom = browse(f'file://{page}', tmp_path, '--dump-dom')
    assert '<span id="count">3 people</span>' in dom
    assert '<span id="place">1 / 3</span>' in dom
