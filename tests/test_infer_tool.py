"""tools/infer.py: files in, pictures, videos, JSON and a gallery out."""
import json
import re
import shutil
import subprocess
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import cv2
import infer
import numpy as np
import pytest
import torch
from helpers import write_video
from make_toy_coco import make_toy_coco
from mmengine.structures import InstanceData
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from poet_mm.apis import POETInferencer
from poet_mm.apis.result_folder import ResultFolder
from poet_mm.apis.video import CODECS, Video, VideoWriter, best_codec
from poet_mm.visualization.gallery import (
    Entry,
    make_thumbnail,
    write_gallery,
)
from poet_mm.visualization.strokes import person_colors

CHROMIUM = shutil.which('chromium') or shutil.which('google-chrome')
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason='there is no Chromium: apt-get install chromium')


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
    film = write_video(tmp_path / 'film.mp4', 7)
    code, out = run(film, '--fps', 5, '--save-json', '--score-thr', 0,
                    '--batch-size', 3)
    assert code == 0
    entry, = gallery_data(out)['entries']
    assert entry['video'] == f'videos/film{best_codec().suffix}'
    video = Video(str(out / entry['video']))
    assert video.fps == 5
    assert len(list(video)) == 7
    people = json.loads((out / 'videos' / 'film.json').read_text())
    assert [person['image_id'] for person in people
            ] == [frame for frame in range(7) for _ in range(10)]
    assert (out / entry['picture']).is_file()


def test_damaged_video(run, tmp_path, capsys):
    """The frames before the damage are kept, and the exit code tells."""
    film = write_video(tmp_path / 'film.avi', 20, fourcc='MJPG')
    data = film.read_bytes()
    film.write_bytes(data[:len(data) // 2])
    code, out = run(film, '--save-json', '--score-thr', 0)
    assert code == 1
    entry, = gallery_data(out)['entries']
    kept = len(list(Video(str(out / entry['video']))))
    assert 5 <= kept <= 15
    said = f'{film}: cut off or damaged; of 20 frames only the first {kept} '
    assert f'infer.py: {said}' in capsys.readouterr().err
    assert said in gallery_data(out)['failures'][0]
    people = json.loads((out / 'videos' / 'film.json').read_text())
    assert len(people) == 10 * kept


def test_without_a_codec_for_browsers(run, tmp_path, monkeypatch, capsys):
    for place in ('poet_mm.apis.result_folder', 'poet_mm.apis.video'):
        monkeypatch.setattr(f'{place}.best_codec', lambda: CODECS[-1])
    code, out = run(write_video(tmp_path / 'film.mp4', 3))
    assert code == 0
    entry, = gallery_data(out)['entries']
    assert len(list(Video(str(out / entry['video'])))) == 3
    assert entry['video'] == 'videos/film.mp4'
    assert 'no codec here that browsers play' in entry['note']
    assert 'no codec here that browsers play' in capsys.readouterr().err


def test_pictures_of_odd_shapes(run, tmp_path, capsys):
    """Not enlarged beyond all bounds; what no JPEG can hold is reported."""
    sizes = dict(a=(1, 4000), b=(4000, 1), c=(1, 1), d=(30, 1000),
                 e=(1, 70000))
    for name, size in sizes.items():
        cv2.imwrite(str(tmp_path / f'{name}.png'), np.full(size, 99, np.uint8))
    code, out = run(tmp_path, '--score-thr', 0)
    shapes = {path.stem: cv2.imread(str(path)).shape[:2]
              for path in (out / 'pictures').iterdir()}
    assert shapes == dict(
        a=(1, 4000), b=(4000, 1), c=(400, 400), d=(120, 4000))
    assert code == 1
    assert ('e.png: 70000 x 1 pixels cannot be written as a JPEG'
            in capsys.readouterr().err)


def fail_on(monkeypatch, names):
    """Let the network fail on images of these names."""
    forward = POETInferencer.forward

    def fail(self, inputs, **kwargs):
        for sample in inputs['data_samples']:
            if Path(sample.img_path).stem in names:
                raise RuntimeError('too much')
        return forward(self, inputs, **kwargs)

    monkeypatch.setattr(POETInferencer, 'forward', fail)


def test_network_fails_on_one_image(run, toy, monkeypatch, capsys):
    names = sorted(path.stem for path in (toy / 'val2017').iterdir())
    fail_on(monkeypatch, names[1:2])
    code, out = run(toy / 'val2017', '--batch-size', 4)
    assert code == 1
    entries = gallery_data(out)['entries']
    assert [Path(entry['name']).stem for entry in entries
            ] == [names[0], *names[2:]]
    assert f'{names[1]}.png: RuntimeError: too much' in capsys.readouterr().err


def test_network_fails_on_every_image(run, toy, tmp_path, monkeypatch, capsys):
    """Then it stops early, and does not look at the video; but a video that
    fails, all of it, after an image that went well, is only reported."""
    names = {path.stem for path in (toy / 'val2017').iterdir()}
    film = write_video(tmp_path / 'film.mp4', 9)
    with monkeypatch.context() as patch:
        fail_on(patch, names)
        code, out = run(toy / 'val2017', film)
    assert code == 2
    lines = capsys.readouterr().err.strip().split('\n')
    assert len(lines) == 4
    assert 'the first 3 images all failed' in lines[-1]
    assert gallery_data(out)['entries'] == []
    fail_on(monkeypatch, [f'{frame:06d}' for frame in range(9)])
    code, out = run(toy / 'val2017', film)
    assert code == 1
    assert len(gallery_data(out)['entries']) == 4
    assert len(gallery_data(out)['failures']) == 4


def test_the_rest_goes_on(run, toy, tmp_path, capsys):
    """Broken, empty and missing inputs: a line each, and exit code 1."""
    broken = tmp_path / 'in'
    broken.mkdir()
    (broken / 'a.jpg').write_text('no image')
    (broken / 'b.png').touch()
    (broken / 'c.mp4').write_text('no video')
    shutil.copy(next((toy / 'val2017').iterdir()), broken / 'd.png')
    write_video(broken / 'e.mp4', 2)
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
    film = write_video(tmp_path / 'film.mp4', 9)
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
    entries = gallery_data(out)['entries']
    assert len(entries) == 5
    assert len(list(Video(str(out / entries[4]['video'])))) == 3
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


def test_weights_of_another_program_are_named(model, tmp_path, capsys):
    """The command to convert them is one to paste."""
    weights = tmp_path / 'theirs.pth'
    torch.save({'model': {'kpt_embed.layers.0.bias': torch.ones(1)}}, weights)
    args = ['x.jpg', '--out', tmp_path, *model, '--weights', weights]
    assert infer.main([str(arg) for arg in args]) == 2
    assert ('python tools/convert_checkpoint.py poet '
            f'{weights} CONVERTED.pth') in capsys.readouterr().err


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


def browser_command(page, tmp_path, *flags):
    """Headless Chromium that shows a page."""
    return [
        CHROMIUM, '--headless', '--no-sandbox', '--disable-gpu',
        '--disable-quic', '--no-first-run', '--disable-background-networking',
        '--disable-component-update', '--disable-sync', '--hide-scrollbars',
        '--window-size=1200,700', f'--user-data-dir={tmp_path / "profile"}',
        *flags, page
    ]


def browse(page, tmp_path, *flags):
    """Look at a page; -> what the browser writes to stdout."""
    command = browser_command(page, tmp_path, '--virtual-time-budget=3000',
                              *flags)
    result = subprocess.run(
        command, capture_output=True, text=True, timeout=120)
    return result.stdout


WAVING = np.array([  # COCO's joints, in pixels
    (16, 12), (17, 11), (15, 11), (19, 12), (13, 12), (21, 20), (11, 20),
    (27, 14), (6, 27), (29, 6), (5, 35), (19, 36), (13, 36), (21, 46),
    (11, 46), (23, 57), (9, 57)], float)
PEOPLE = np.stack([WAVING, WAVING + (30, 3)])


def find_people(monkeypatch, people):
    """Let the network find people (N, 17, 2), all of whose joints are seen,
    in every image."""

    def forward(self, inputs, score_thr):
        for sample in inputs['data_samples']:
            ones = np.ones(people.shape[:2])
            sample.pred_instances = InstanceData(
                keypoints=people,
                keypoint_scores=ones,
                keypoints_visible=ones,
                visibility=ones,
                centers=people.mean(1),
                bbox_scores=ones[:, 0])
        return inputs['data_samples']

    monkeypatch.setattr(POETInferencer, 'forward', forward)


GREY = 120


def limbs_seen(shot, people, size):
    """Share of the limbs of each person in whose middle a screenshot has the
    person's colour.

    Args:
        shot (np.ndarray): (h, w, 3), BGR, with a grey picture on the stage.
        people (np.ndarray): (N, 17, 2) in pixels of the picture.
        size (int): Height and width of the picture.
    """
    grey = (np.abs(shot.astype(int) - GREY) < 6).all(-1)
    grey[:, :368] = False  # thumbnails
    columns, = np.nonzero(grey.sum(0) > 100)
    rows, = np.nonzero(grey.sum(1) > 100)
    scale = (columns[-1] - columns[0] + 1) / size
    assert scale * size > 400
    links = [(5, 7), (7, 9), (6, 8), (8, 10), (11, 13), (12, 14)]
    middles = (columns[0], rows[0]) + scale * people[:, links].mean(2)
    shares = []
    for points, color in zip(middles.round().astype(int), person_colors()):
        seen = [
            np.abs(shot[y - 3:y + 4, x - 3:x + 4] - np.array(color[::-1]))
            .sum(-1).min() < 90 for x, y in points
        ]
        shares.append(np.mean(seen))
    return shares


REPORT = """<script>
const film = document.getElementById('film');
const tell = () => {
  new Image().src = 'http://127.0.0.1:PORT/' + film.videoWidth;
};
if (film.readyState > 1) tell();
else film.addEventListener('loadeddata', tell);
</script></html>"""


def decoded_width(page, tmp_path, number):
    """Width of a film, once the browser has decoded a frame of it.

    The page tells it to a server: Chromium waits for no film before it writes
    a page to stdout.
    """
    said = []

    class Listen(BaseHTTPRequestHandler):

        def do_GET(self):
            said.append(int(self.path[1:]))
            self.send_error(404)

        def log_message(self, *args):
            pass

    with HTTPServer(('127.0.0.1', 0), Listen) as server:
        server.timeout = 60
        copy = page.with_name('copy.html')
        script = REPORT.replace('PORT', str(server.server_port))
        copy.write_text(page.read_text().replace('</html>', script))
        browser = subprocess.Popen(
            browser_command(f'file://{copy}#{number}', tmp_path,
                            '--remote-debugging-port=0'),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            server.handle_request()
        finally:
            browser.terminate()
            browser.wait(30)
    assert said, f'no frame is decoded in {server.timeout} seconds'
    return said[0]


@needs_chromium
def test_poses_are_seen_in_a_browser(run, tmp_path, monkeypatch):
    """People found in a grey picture and in a film: a screenshot of the
    gallery has them, in their colours, where they are, and nobody has the
    colour of the other. The film is played."""
    image = tmp_path / 'grey.png'
    cv2.imwrite(str(image), np.full((64, 64, 3), GREY, np.uint8))
    film = write_video(tmp_path / 'film.mp4', 3, (64, 64), grey=GREY)
    find_people(monkeypatch, PEOPLE)
    code, out = run(image, film)
    assert code == 0
    page, shot = out / 'gallery.html', tmp_path / 'shot.png'
    for number in (1, 2):
        browse(f'file://{page}#{number}', tmp_path, f'--screenshot={shot}')
        pixels = cv2.imread(str(shot))
        assert limbs_seen(pixels, 7 * PEOPLE, 448) == [1, 1]
        assert limbs_seen(pixels, 7 * PEOPLE[::-1], 448) == [0, 0]
    if best_codec().in_browsers:
        assert decoded_width(page, tmp_path, 2) == 448


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
