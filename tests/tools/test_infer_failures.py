"""tools/infer.py on broken inputs and wrong flags: the rest goes on."""

import json
import shutil
from pathlib import Path

import infer
import pytest
import torch
from browser import gallery_data
from helpers import write_video

from poet_mm.apis import POETInferencer
from poet_mm.apis.video import Video, VideoWriter


@pytest.fixture
def names(toy):
    """Names of the four synthetic images, without suffix."""
    return sorted(path.stem for path in (toy / 'val2017').iterdir())


@pytest.fixture
def run_wrong(model, toy, tmp_path):
    """Run the tool with wrong flags, which replace those of the model."""

    def run_wrong(*flags):
        photo = min((toy / 'val2017').iterdir())
        args = [photo, '--out', tmp_path, *model, *flags]
        return infer.main([str(arg) for arg in args])

    return run_wrong


def fail_on(monkeypatch, names):
    """Let the network fail on images of these names."""
    forward = POETInferencer.forward

    def fail(self, inputs, **kwargs):
        for sample in inputs['data_samples']:
            if Path(sample.img_path).stem in names:
                raise RuntimeError('too much')
        return forward(self, inputs, **kwargs)

    monkeypatch.setattr(POETInferencer, 'forward', fail)


def test_damaged_video(run, tmp_path, capsys):
    """The frames before the damage are kept, and the exit code is 1."""
    film = write_video(tmp_path / 'film.avi', 20, fourcc='MJPG')
    data = film.read_bytes()
    film.write_bytes(data[: len(data) // 2])
    code, out = run(film, '--save-json', '--score-thr', 0)
    assert code == 1
    (entry,) = gallery_data(out)['entries']
    kept = len(list(Video(str(out / entry['video']))))
    assert 5 <= kept <= 15
    line = f'{film}: cut off or damaged; of 20 frames only the first {kept} '
    assert f'infer.py: {line}' in capsys.readouterr().err
    assert line in gallery_data(out)['failures'][0]
    people = json.loads((out / 'videos' / 'film.json').read_text())
    assert len(people) == 10 * kept


def test_network_fails_on_every_image(
    run, toy, names, tmp_path, monkeypatch, capsys
):
    """Then it stops early, and does not look at the video; but a video that
    fails, all of it, after an image that went well, is only reported."""
    film = write_video(tmp_path / 'film.mp4', 9)
    with monkeypatch.context() as patch:
        fail_on(patch, names)
        code, out = run(toy / 'val2017', film)
    assert code == 2
    lines = capsys.readouterr().err.strip().split('\n')
    assert len(lines) == 4
    assert 'first 3 images' in lines[-1]
    assert not out.exists()
    fail_on(monkeypatch, [f'{frame:06d}' for frame in range(9)])
    code, out = run(toy / 'val2017', film)
    assert code == 1
    assert len(gallery_data(out)['entries']) == 4
    assert len(gallery_data(out)['failures']) == 4


def test_the_rest_goes_on(run, toy, tmp_path, capsys):
    """Broken, empty and missing inputs: a line each, and exit code 1."""
    broken, empty = tmp_path / 'in', tmp_path / 'empty'
    broken.mkdir()
    empty.mkdir()
    (broken / 'a.jpg').write_text('no image')
    (broken / 'c.mp4').write_text('no video')
    shutil.copy(next((toy / 'val2017').iterdir()), broken / 'd.png')
    write_video(broken / 'e.mp4', 2)
    missing = tmp_path / 'missing.jpg'
    code, out = run(broken, empty, missing, tmp_path / 'x*.jpg', 'webcam:97')
    assert code == 1
    lines = capsys.readouterr().err.strip().split('\n')
    lines = [line for line in lines if line.startswith('infer.py: ')]
    expected = (
        'empty: no images',
        'missing.jpg: no such file',
        'x*.jpg: no file matches',
        'a.jpg: cannot be read',
        'c.mp4: cannot be opened as a video',
        'webcam:97: cannot be opened as a camera',
    )
    assert len(lines) == len(expected)
    for line, part in zip(lines, expected):
        assert part in line
    data = gallery_data(out)
    shown = [Path(entry['name']).name for entry in data['entries']]
    assert shown == ['d.png', 'e.mp4']
    assert len(data['failures']) == len(expected)


@pytest.mark.parametrize('content', [b'', b'text', b'\x89PNG\r\n\x1a\n'])
def test_unreadable_photo(run, tmp_path, capsys, content):
    """One sentence, exit code 2, and nothing left behind."""
    photo = tmp_path / 'photo.png'
    photo.write_bytes(content)
    code, out = run(photo, '--save-json')
    assert (code, out.exists()) == (2, False)
    *_, line = capsys.readouterr().err.strip().split('\n')
    assert line.startswith(f'infer.py: {photo}: cannot be read as an image')


def stop(*_):
    raise KeyboardInterrupt


def test_nothing_to_read_loads_no_model(
    run, toy, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(infer, 'build_inferencer', stop)
    code, out = run(tmp_path / 'missing.jpg', tmp_path / '*.png')
    assert (code, out.exists()) == (2, False)
    err = capsys.readouterr().err
    assert err.count('infer.py: ') == 2
    code, out = run(toy / 'val2017')  # Ctrl-C while the model is downloaded
    assert (code, out.exists()) == (130, False)


def test_ctrl_c_keeps_what_is_done(run, toy, tmp_path, monkeypatch):
    film = write_video(tmp_path / 'film.mp4', 9)
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


@pytest.mark.parametrize(
    ('flags', 'part'),
    [
        (['--draw', 'bones'], "'bones' is not one of skeleton"),
        (['--fps', '0'], '--fps 0 '),
        (['--fps', 'inf'], '--fps inf'),
        (['--batch-size', '0'], '--batch-size 0 '),
        (['--score-thr', '50'], '--score-thr 50 '),
        (['--kpt-thr', '-1'], '--kpt-thr -1 '),
    ],
)
def test_wrong_flags(run_wrong, flags, part, capsys):
    with pytest.raises(SystemExit) as stopped:
        run_wrong(*flags)
    assert stopped.value.code == 2
    assert part in capsys.readouterr().err


@pytest.mark.parametrize(
    ('flags', 'part'),
    [
        (['--weights', 'none.pth'], 'There is no checkpoint none.pth.'),
        (['--weights', 'poet-r5'], 'Did you mean poet-r50'),
        (['--config', 'poet_r18'], 'Did you mean'),
        (['--config', 'poet_r18_toy'], 'does not fit the config'),
        (['--device', 'abacus'], 'on abacus: '),
        (['--calibrate'], 'tools/publish_model.py --visibility-temperature'),
        (['--out', f'{__file__}/out'], 'test_infer_failures.py'),
    ],
)
def test_mistakes_get_a_sentence(run_wrong, flags, part, capsys):
    assert run_wrong(*flags) == 2
    assert part in capsys.readouterr().err


def test_weights_of_another_program_are_named(run_wrong, tmp_path, capsys):
    """The command to convert them is one to paste."""
    weights = tmp_path / 'theirs.pth'
    torch.save({'model': {'kpt_embed.layers.0.bias': torch.ones(1)}}, weights)
    assert run_wrong('--weights', weights) == 2
    command = f'convert_checkpoint.py poet {weights} CONVERTED.pth'
    assert command in capsys.readouterr().err


@pytest.mark.parametrize('content', ['text', ''])
def test_weights_that_are_none(run_wrong, tmp_path, capsys, content):
    weights = tmp_path / 'text.pth'
    weights.write_text(content)
    assert run_wrong('--weights', weights) == 2
    line = capsys.readouterr().err.strip().split('\n')[-1]
    assert 'text.pth' in line
