"""tools/infer.py: files in, pictures, videos, JSON and a gallery out."""

import csv
import json
import subprocess
import sys

import cv2
import infer
import numpy as np
import pytest
from browser import gallery_data
from helpers import ROOT, write_video
from pycocotools.coco import COCO

from poet_mm.apis.video import Video


def test_pictures_json_and_gallery(run, toy, capsys):
    folder = toy / 'val2017'
    flags = ['--save-json', '--score-thr', 0, '--batch-size', 3]
    code, out = run(
        folder, *flags, '--draw', 'skeleton,centers,offsets,visibility'
    )
    assert code == 0
    assert 'People: 40, pictures and frames: 4' in capsys.readouterr().out
    for path in folder.iterdir():
        drawn = cv2.imread(str(out / 'pictures' / f'{path.stem}.jpg'))
        original = cv2.imread(str(path))  # 64 x 64
        assert drawn.shape == (448, 448, 3)
        original = cv2.resize(original, drawn.shape[1::-1])
        assert np.abs(drawn.astype(int) - original).max() > 100

    entries = gallery_data(out)['entries']
    assert [len(entry['scores']) for entry in entries] == [10] * 4
    assert all((out / entry['picture']).is_file() for entry in entries)
    truth = COCO(str(toy / 'annotations' / 'person_keypoints_val2017.json'))
    assert len(truth.loadRes(str(out / 'people.json')).anns) == 40
    assert not (out / 'people.csv').exists()


def test_model_of_the_zoo(toy, tiny_zoo, tmp_path, monkeypatch, capsys):
    """The default one, without any option."""
    monkeypatch.chdir(tmp_path)
    photo = min((toy / 'val2017').iterdir())
    for flags in ([], ['--model', 'tiny']):
        assert infer.main([str(photo), *flags]) == 0
        out = capsys.readouterr().out
        assert 'Model: tiny' in out
        gallery = out.split()[-1]
        assert (tmp_path / gallery).is_file()
    assert infer.main([str(photo), '--model', 'tinny']) == 2
    assert 'mean tiny?' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        infer.main([str(photo), '--config', 'poet_r18_toy'])
    assert '--config needs --weights' in capsys.readouterr().err


@pytest.mark.slow
def test_photo_of_a_user(toy, tiny_zoo, tmp_path):
    """A process of its own, and a download that is cut once."""
    tiny_zoo.cuts = [999]
    photo = min((toy / 'val2017').iterdir())
    done = subprocess.run(
        [sys.executable, ROOT / 'tools' / 'infer.py', photo],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert ('/blobs/release.pth', 'bytes=999-') in tiny_zoo.asked
    picture = tmp_path / 'work_dirs' / 'people' / 'pictures'
    drawn = cv2.imread(str(picture / f'{photo.stem}.jpg'))
    assert drawn.shape == (448, 448, 3)


def test_video_in_video_out(run, tmp_path):
    film = write_video(tmp_path / 'film.mp4', 7)
    flags = ['--save-json', '--save-csv', '--score-thr', 0, '--batch-size', 3]
    code, out = run(film, '--fps', 5, *flags)
    assert code == 0
    (entry,) = gallery_data(out)['entries']
    assert entry['video'] == 'videos/film.mp4'
    video = Video(str(out / entry['video']))
    assert video.fps == 5
    assert len(list(video)) == 7
    people = json.loads((out / 'videos' / 'film.json').read_text())
    frames = [person['image_id'] for person in people]
    assert frames == np.repeat(range(7), 10).tolist()
    assert (out / entry['picture']).is_file()
    with open(out / 'videos' / 'film.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    assert [row['image'] for row in rows[::170]] == [
        f'{number:06d}.jpg' for number in range(7)
    ]
    assert [row['keypoint'] for row in rows[:2]] == ['nose', 'left_eye']
    points = [[row[key] for key in ('x', 'y', 'score')] for row in rows]
    expected = [person['keypoints'] for person in people]
    np.testing.assert_array_equal(
        np.array(points, float).ravel(), np.ravel(expected)
    )


def test_video_without_people(run, tmp_path, capsys):
    """All files are there: a header, an empty list, and a gallery."""
    film = write_video(tmp_path / 'film.mp4', 2)
    code, out = run(film, '--save-csv', '--save-json', '--score-thr', 1)
    assert code == 0
    printed = capsys.readouterr().out
    assert 'People: 0, pictures and frames: 2, failures: 0' in printed
    table = (out / 'videos' / 'film.csv').read_text()
    assert table == 'image,person,keypoint,x,y,score,visibility\n'
    assert json.loads((out / 'videos' / 'film.json').read_text()) == []
    (entry,) = gallery_data(out)['entries']
    assert entry['scores'] == []
    assert (out / entry['picture']).is_file()
    assert len(list(Video(str(out / entry['video'])))) == 2


def test_table_of_pictures(run, toy):
    """One for all pictures; a second run replaces it."""
    for _ in range(2):
        _, out = run(toy / 'val2017', '--save-csv', '--score-thr', 0)
        lines = (out / 'people.csv').read_text().splitlines()
        assert len(lines) == 1 + 40 * 17
    assert lines[1].startswith(f'{min((toy / "val2017").iterdir())},0,nose,')


def test_pictures_of_odd_shapes(run, tmp_path, capsys):
    """Not enlarged beyond all bounds; what no JPEG can hold is reported."""
    sizes = dict(
        a=(1, 4000), b=(4000, 1), c=(1, 1), d=(30, 1000), e=(1, 70000)
    )
    for name, size in sizes.items():
        cv2.imwrite(str(tmp_path / f'{name}.png'), np.full(size, 99, np.uint8))
    code, out = run(tmp_path, '--score-thr', 0)
    shapes = {
        path.stem: cv2.imread(str(path)).shape[:2]
        for path in (out / 'pictures').iterdir()
    }
    assert shapes == dict(
        a=(1, 4000), b=(4000, 1), c=(400, 400), d=(120, 4000)
    )
    assert code == 1
    assert 'e.png: 70000 x 1 pixels' in capsys.readouterr().err
