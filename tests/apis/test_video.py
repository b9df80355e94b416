"""Videos in and out, cut off and damaged; a camera."""

import json
import re
import struct
import sys
from types import SimpleNamespace

import av
import cv2
import numpy as np
import pytest
from helpers import assert_same, people_of, write_video

from poet_mm.apis.video import Video, VideoWriter
from poet_mm.errors import UserError


def test_video(inferencer, tmp_path):
    """As many frames out as in; batches as one by one; also JSON."""
    path = str(write_video(tmp_path / 'film.mp4', 7))
    frames = list(Video(path))
    assert len(frames) == 7
    out = tmp_path / 'out'
    got = people_of(inferencer, path, batch_size=3, out_dir=str(out))
    assert_same(got, people_of(inferencer, frames))
    (film,) = (out / 'visualizations').iterdir()
    assert film.name == 'film.mp4'
    drawn = list(Video(str(film)))
    assert [frame.shape for frame in drawn] == [(38, 50, 3)] * 7
    records = json.loads((out / 'predictions' / 'film.json').read_text())
    assert [record['frame_id'] for record in records] == list(range(7))
    assert len(records[0]['instances']) == 10


def test_video_is_whole_if_its_user_stops(inferencer, tmp_path):
    path = write_video(tmp_path / 'film.mp4', 5)
    results = inferencer(path, vis_out_dir=str(tmp_path / 'out'))
    next(results)
    next(results)
    results.close()
    (film,) = (tmp_path / 'out').iterdir()
    assert len(list(Video(str(film)))) == 2


@pytest.mark.parametrize(
    ('size', 'even', 'fps'),
    [
        ((50, 38), (50, 38), 5),
        ((51, 37), (52, 38), 12.5),
        ((1, 1), (2, 2), 30000 / 1001),
    ],
)
def test_written_videos(tmp_path, capfd, size, even, fps):
    """As many frames as given, of the colours given, nothing on the terminal;
    in the format that browsers play."""
    frames = list(Video(str(write_video(tmp_path / 'in.mp4', 9))))
    frames = [cv2.resize(frame, size) for frame in frames]
    capfd.readouterr()
    writer = VideoWriter(str(tmp_path / 'film.mp4'), fps)
    for frame in frames:
        writer.write(frame)
    writer.release()
    video = Video(writer.path)
    got = np.array(list(video))
    video.check_end()
    assert not any(capfd.readouterr())
    assert video.fps == fps
    assert got.shape == (writer.num_written, *even[::-1], 3)
    assert writer.num_written == 9
    got = got[:, : size[1], : size[0]]
    assert np.abs(np.subtract(got, frames, dtype=float)).mean() < 8
    with av.open(writer.path) as file:
        codec = file.streams.video[0].codec_context
        assert (codec.name, codec.pix_fmt) == ('h264', 'yuv420p')


def test_frames_of_another_size_are_resized(tmp_path):
    writer = VideoWriter(str(tmp_path / 'film.mp4'), 5)
    for side in (20, 33):
        writer.write(np.full((side, side, 3), 99, np.uint8))
    writer.release()
    shapes = [frame.shape for frame in Video(writer.path)]
    assert shapes == [(20, 20, 3)] * 2


def test_a_size_that_no_video_has(tmp_path):
    writer = VideoWriter(str(tmp_path / 'film.mp4'), 5)
    with pytest.raises(UserError, match='20000 x 2 pixels'):
        writer.write(np.zeros((2, 20000, 3), np.uint8))
    writer.release()


def test_film_of_a_phone(tmp_path):
    """Its header says that a quarter turn clockwise makes it upright."""
    path = write_video(tmp_path / 'film.mp4', 3)
    lying = list(Video(str(path)))
    data = bytearray(path.read_bytes())
    matrix = data.find(b'tkhd') + 44
    struct.pack_into('>5i', data, matrix, 0, 1 << 16, 0, -1 << 16, 0)
    path.write_bytes(data)
    np.testing.assert_array_equal(
        list(Video(str(path))), [np.rot90(frame, -1) for frame in lying]
    )


def test_metadata_that_are_not_utf8(tmp_path):
    path = write_video(tmp_path / 'film.mp4', 3)
    data = path.read_bytes()
    assert b'Lavf' in data  # the name of the program that wrote it
    path.write_bytes(data.replace(b'Lavf', b'\xff' * 4))
    assert len(list(Video(str(path)))) == 3


def test_without_pyav(tmp_path, monkeypatch):
    path = str(write_video(tmp_path / 'film.mp4', 1))
    monkeypatch.setitem(sys.modules, 'av', None)
    for cls, args in ((Video, ()), (VideoWriter, (5,))):
        with pytest.raises(UserError, match='pip install av'):
            cls(path, *args)


def damage(path, begin, end):
    """Overwrite a part of a file, or take off its end."""
    data = bytearray(path.read_bytes())
    begin, end = int(begin * len(data)), end and int(end * len(data))
    if end is None:
        del data[begin:]
    else:
        data[begin:end] = bytes(end - begin)
    path.write_bytes(data)


@pytest.mark.parametrize(
    ('name', 'fourcc', 'part'),
    [
        ('film.mp4', 'mp4v', (0.4, 0.6)),
        ('film.avi', 'MJPG', (0.6, None)),
        ('film.webm', 'VP80', (0.6, None)),
    ],
)
def test_damaged_video(inferencer, tmp_path, name, fourcc, part):
    """What comes before is kept, and it is said."""
    path = write_video(tmp_path / name, 40, fourcc=fourcc)
    whole = people_of(inferencer, path, batch_size=8)
    assert len(whole) == 40
    damage(path, *part)
    errors = []
    got = people_of(inferencer, path, batch_size=8, on_error=errors.append)
    assert 8 < len(got) < 36
    assert_same(got[:8], whole[:8])
    (error,) = errors
    assert re.search(rf'{path.name}.*40 .*{len(got)} ', str(error))
    with pytest.raises(UserError, match=path.name):
        list(inferencer(path, batch_size=8))


def test_frame_counts_that_are_estimates(tmp_path):
    """Some containers declare a duration only."""
    video = Video(str(write_video(tmp_path / 'film.mp4', 5)))
    assert len(list(video)) == 5
    for num_frames, allowed, is_whole in (
        (5, 0, True),
        (6, 0, False),
        (8, 3, True),
        (9, 3, False),
        (None, 0, True),
    ):
        video.num_frames, video.max_missing = num_frames, allowed
        if is_whole:
            video.check_end()
        else:
            with pytest.raises(UserError, match='the first 5'):
                video.check_end()
    video.num_read = 0
    with pytest.raises(UserError, match='not one frame'):
        video.check_end()


def test_video_among_images(inferencer, images, tmp_path):
    """It is not left out in silence."""
    folder = tmp_path / 'folder'
    folder.mkdir()
    (folder / 'a.png').symlink_to(images[0])
    (folder / 'c.png').symlink_to(images[1])
    write_video(folder / 'b.mp4', 2)
    errors = []
    got = people_of(inferencer, folder, batch_size=2, on_error=errors.append)
    assert_same(got, people_of(inferencer, images[:2], batch_size=2))
    assert 'b.mp4: a video' in str(errors[0])
    assert len(errors) == 1
    with pytest.raises(UserError, match=r'b\.mp4: .*give videos one by one'):
        list(inferencer(folder))


def test_webcam(inferencer, monkeypatch, tmp_path):
    """A camera without a screen: three frames, then it is unplugged."""
    frames = [(True, np.zeros((40, 60, 3), np.uint8))] * 3 + [(False, None)]
    camera = SimpleNamespace(
        isOpened=lambda: True,
        get=lambda _: -1.0,
        read=lambda: frames.pop(0),
        release=frames.clear,
    )
    monkeypatch.setattr(cv2, 'VideoCapture', {1: camera}.get)
    assert Video(1).fps == 25
    out = dict(vis_out_dir=str(tmp_path), pred_out_dir=str(tmp_path))
    assert len(people_of(inferencer, 'webcam:1', **out)) == 3
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ['webcam1.json', 'webcam1.mp4']
