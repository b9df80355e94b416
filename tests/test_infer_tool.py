"""tools/infer.py: files in, pictures, videos, JSON and a gallery out."""
import json
import re
import shutil
import subprocess
from pathlib import Path

import cv2
import infer
import numpy as np
import pytest
from make_toy_coco import make_toy_coco
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from poet_mm.apis.results import ResultFolder
from poet_mm.apis.video import Video, VideoWriter
from poet_mm.visualization.gallery import (
    Entry,
    make_thumbnail,
    write_gallery,
)

CHROMIUM = shutil.which('chromium') or shutil.which('google-chrome')


@pytest.fixture(scope='module')
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp('toy')
    make_toy_coco(folder, 1, 4, 64, 0)
    return folder


@pytest.fixture
def model(model_files):
    """The flags of a tiny model."""
    config, checkpoint = model_files
    return ['--config', config, '--weights', checkpoint, '--device', 'cpu']


@pytest.fixture
def run(model, tmp_path):
    """Run the tool; -> exit code and the folder of results."""

    def run(*args):
        out = tmp_path / 'out'
        args = [*args, *model, '--out', out]
        return infer.main([str(arg) for arg in args]), out

    return run


def make_video(path, num_frames=5, size=(50, 38)):
    writer = VideoWriter(str(path), 10)
    for n in range(num_frames):
        writer.write(np.full((size[1], size[0], 3), 20 * n, np.uint8))
    writer.release()
    return path


def gallery_data(out):
    page = (out / 'gallery.html').read_text(encoding='utf-8')
    found = re.search(r'id="data">(.*?)</script>', page, re.DOTALL)
    return json.loads(found[1])


def test_pictures_json_and_gallery(run, toy, capsys):
    folder = toy / 'val2017'
    code, out = run(folder, '--save-json', '--score-thr', 0, '--batch-size',
                    3, '--draw', 'skeleton,centers,offsets,visibility')
    assert code == 0
    assert '40 people in 4 pictures' in capsys.readouterr().out
    for path in folder.iterdir():
        drawn = cv2.imread(str(out / 'pictures' / f'{path.stem}.jpg'))
        original = cv2.imread(str(path))  # 64 x 64
        assert drawn.shape == (448, 448, 3)
        original = cv2.resize(original, drawn.shape[1::-1])
        assert np.abs(drawn.astype(int) - original).max() > 100

    data = gallery_data(out)
    assert [len(entry['scores']) for entry in data['entries']] == [10] * 4
    assert all((out / entry['picture']).is_file()
               for entry in data['entries'])

    truth = COCO(str(toy / 'annotations' / 'person_keypoints_val2017.json'))
    found = truth.loadRes(str(out / 'people.json'))
    assert len(found.anns) == 40
    evaluation = COCOeval(truth, found, 'keypoints')
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert len(evaluation.evalImgs)
    assert evaluation.stats[0] >= 0


def test_video_in_video_out(run, tmp_path):
    film = make_video(tmp_path / 'film.mp4', 7)
    code, out = run(film, '--fps', 5, '--save-json', '--score-thr', 0,
                    '--batch-size', 3)
    assert code == 0
    video = Video(str(out / 'videos' / 'film.mp4'))
    assert video.fps == 5
    assert len(list(video)) == 7
    people = json.loads((out / 'videos' / 'film.json').read_text())
    assert [person['image_id'] for person in people
            ] == [frame for frame in range(7) for _ in range(10)]
    entry, = gallery_data(out)['entries']
    assert entry['video'] == 'videos/film.mp4'
    assert (out / entry['picture']).is_file()


def test_the_rest_goes_on(run, toy, tmp_path, capsys):
    """Broken, empty and missing inputs: a line each, and exit code 1."""
    broken = tmp_path / 'in'
    broken.mkdir()
    (broken / 'a.jpg').write_text('no image')
    (broken / 'b.png').touch()
    (broken / 'c.mp4').write_text('no video')
    shutil.copy(next((toy / 'val2017').iterdir()), broken / 'd.png')
    make_video(broken / 'e.mp4', 2)
    empty = tmp_path / 'empty'
    empty.mkdir()
    code, out = run(broken, empty, tmp_path / 'missing.jpg',
                    tmp_path / 'x*.jpg', 'webcam:97')
    assert code == 1
    lines = capsys.readouterr().err.strip().split('\n')
    said = [line for line in lines if line.startswith('infer.py: ')]
    expected = ('empty: no images', 'missing.jpg: no such file',
                'x*.jpg: no file fits', 'a.jpg: cannot be read',
                'b.png: cannot be read', 'c.mp4: cannot be opened as a video',
                'webcam:97: cannot be opened as a camera')
    assert len(said) == len(expected)
    for line, part in zip(said, expected):
        assert part in line
    data = gallery_data(out)
    assert [Path(entry['name']).name for entry in data['entries']
            ] == ['d.png', 'e.mp4']
    assert len(data['failures']) == len(expected)


def test_same_names_from_two_folders(run, toy, tmp_path):
    image = next((toy / 'val2017').iterdir())
    for folder in 'ab':
        (tmp_path / folder).mkdir()
        shutil.copy(image, tmp_path / folder / '7.png')
    code, out = run(tmp_path / 'a', tmp_path / 'b' / '7.png')
    assert code == 0
    assert sorted(path.name for path in (out / 'pictures').iterdir()
                  ) == ['7.jpg', '7_2.jpg']


def test_ctrl_c_keeps_what_is_done(run, toy, tmp_path, monkeypatch):
    film = make_video(tmp_path / 'film.mp4', 9)
    code, out = run(film)
    assert code == 0
    written = []

    def write(self, frame, write=VideoWriter.write):
        written.append(frame)
        if len(written) == 4:
            raise KeyboardInterrupt
        write(self, frame)

    monkeypatch.setattr(VideoWriter, 'write', write)
    code, out = run(toy / 'val2017', film, '--save-json')
    assert code == 130
    assert len(list(Video(str(out / 'videos' / 'film.mp4')))) == 3
    assert len(gallery_data(out)['entries']) == 5
    assert (out / 'people.json').is_file()
    assert (out / 'videos' / 'film.json').is_file()


@pytest.mark.parametrize(('flags', 'said'), [
    (['--draw', 'bones'], "'bones' is not one of skeleton"),
    (['--fps', '0'], '0 is not above 0'),
    (['--batch-size', '0'], '--batch-size 0 is not above 0'),
])
def test_wrong_flags(run, flags, said, capsys):
    with pytest.raises(SystemExit) as stopped:
        run('x.jpg', *flags)
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(('flags', 'said'), [
    (['--weights', 'none.pth'], 'There is no checkpoint none.pth.'),
    (['--config', 'poet_r18'], 'Did you mean'),
    (['--config', 'poet_r18_toy'], 'does not fit the config'),
    (['--device', 'abacus'], '--device abacus: '),
])
def test_mistakes_get_a_sentence(model, tmp_path, flags, said, capsys):
    args = ['x.jpg', '--out', tmp_path, *model, *flags]
    assert infer.main([str(arg) for arg in args]) == 2
    assert said in capsys.readouterr().err


def test_weights_that_are_none(model, tmp_path, capsys):
    weights = tmp_path / 'text.pth'
    for content in ('text', ''):
        weights.write_text(content)
        args = ['x.jpg', '--out', tmp_path, *model, '--weights', weights]
        assert infer.main([str(arg) for arg in args]) == 2
        line = capsys.readouterr().err.strip().split('\n')[-1]
        assert 'text.pth, it is damaged or none' in line


def test_out_that_cannot_be_made(run, model, tmp_path, capsys):
    (tmp_path / 'file').touch()
    args = ['x.jpg', *model, '--out', tmp_path / 'file' / 'out']
    assert infer.main([str(arg) for arg in args]) == 2
    assert 'file' in capsys.readouterr().err


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


def test_names_that_only_differ_in_case(tmp_path):
    results = ResultFolder(str(tmp_path), 'Title')
    names = [results._new_name('pictures', name, '.jpg')
             for name in ('x/A.jpg', 'y/a.png', 'a.jpg')]
    assert names == ['pictures/A.jpg', 'pictures/a_2.jpg', 'pictures/a_3.jpg']


def browse(page, tmp_path, *flags):
    """Run headless Chromium on a page; -> what it writes to stdout."""
    result = subprocess.run([
        CHROMIUM, '--headless', '--no-sandbox', '--disable-gpu',
        '--disable-quic', '--no-first-run', '--disable-background-networking',
        '--disable-component-update', '--disable-sync', '--hide-scrollbars',
        '--virtual-time-budget=3000', '--window-size=1200,700',
        f'--user-data-dir={tmp_path / "profile"}', *flags, page
    ], capture_output=True, text=True, timeout=120)
    return result.stdout


@pytest.mark.skipif(CHROMIUM is None, reason='there is no Chromium')
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
            Entry(name, f'pictures/{name}.png', make_thumbnail(image),
                  [0.9] * people))
    page = tmp_path / 'gallery.html'
    write_gallery(str(page), entries, 'Three', ['x.jpg: broken'])

    shot = tmp_path / 'shot.png'
    browse(f'file://{page}#2', tmp_path, f'--screenshot={shot}')
    stage = cv2.imread(str(shot))[300, 780]
    np.testing.assert_allclose(stage, paint[1], atol=3)

    keys = ['ArrowRight', 'ArrowRight', 'ArrowRight', 'ArrowLeft']
    press = ''.join(
        "document.dispatchEvent(new KeyboardEvent('keydown', "
        f"{{key: '{key}', bubbles: true}}));" for key in keys)
    text = page.read_text()
    page.write_text(text.replace('</html>', f'<script>{press}</script>'))
    dom = browse(f'file://{page}', tmp_path, '--dump-dom')
    assert 'second &lt;b&gt;#?</b>' in dom
    assert '<span id="count">1 person</span>' in dom
    assert '<span id="place">2 / 3</span>' in dom
    assert '1 could not be shown' in dom
    choose = ("at('order').value = 'many';"
              "at('order').dispatchEvent(new Event('change'));")
    page.write_text(text.replace('</html>', f'<script>{choose}</script>'))
    dom = browse(f'file://{page}', tmp_path, '--dump-dom')
    assert '<span id="count">3 people</span>' in dom
    assert '<span id="place">1 / 3</span>' in dom
