"""examples/track_video.py: ids that stay, people that swap places and end."""

import csv
from types import SimpleNamespace

import numpy as np
import pytest
from browser import gallery_data
from helpers import BODY, ROOT, write_video
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample

from poet_mm.apis.video import Video

sv = pytest.importorskip('supervision', '0.29')
pytest.importorskip('trackers')


@pytest.fixture
def example(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / 'examples'))
    import track_video

    return track_video


class WalkingPeople:
    """An inferencer with two people, listed in another order in each frame.

    Args:
        counts (sequence[int]): People in each frame.
    """

    score_thr = 0.5
    model = SimpleNamespace(dataset_meta=dict(skeleton_links=[(0, 1)]))

    def __init__(self, counts):
        self.counts = counts

    def __call__(self, frames, **kwargs):
        for number, _ in enumerate(frames):
            corners = [(2 * number, 0), (60, 2 * number)]
            corners = corners[: self.counts[number]]
            if number % 2:
                corners.reverse()
            N = len(corners)
            sample = PoseDataSample(metainfo=dict(img_id=number))
            sample.pred_instances = InstanceData(
                keypoints=BODY + np.reshape(corners, (N, 1, 2)),
                keypoint_scores=np.ones((N, len(BODY))),
                bbox_scores=np.full(N, 0.9),
            )
            yield dict(predictions=[sample])


def test_ids(example, tmp_path, capsys):
    film = write_video(tmp_path / 'film.mp4', 10, (120, 110), grey=9)
    people = WalkingPeople([2] * 6 + [1] * 2 + [0] * 2)
    with sv.CSVSink(str(tmp_path / 'tracks.csv')) as sink:
        results = example.track(people, Video(str(film)), sink)
        frames = [frame for _, frame in results]
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        *(f'frame {number}: ids [0, 1]' for number in range(1, 6)),
        *(f'frame {number}: ids [0]' for number in (6, 7)),
    ]
    drawn = [number for number in range(10) if np.ptp(frames[number]) > 50]
    assert drawn == list(range(1, 8))
    # The box of id 0 has the same colour in both orders.
    first, second = frames[2], frames[3]
    np.testing.assert_array_equal(first[80, 4 + 20], second[80, 6 + 20])
    assert (first[80, 24] != first[70, 24]).any()
    with open(tmp_path / 'tracks.csv') as file:
        rows = list(csv.DictReader(file))
    assert [row['frame'] for row in rows] == list('112233445567')
    assert {row['tracker_id'] for row in rows[-2:]} == {'0'}
    assert float(rows[-1]['x_min']) == 14 + BODY[:, 0].min()


@pytest.mark.parametrize(
    ('counts', 'tracked'), [([0] * 4, []), ([0, 2, 2, 2], [2, 3])]
)
def test_frames_without_people(
    example, tmp_path, capsys, monkeypatch, counts, tracked
):
    """In all of the film, and in its first frame."""
    film = write_video(tmp_path / 'film.mp4', 4, (120, 110), grey=9)
    people = WalkingPeople(counts)
    monkeypatch.setattr(example, 'POETInferencer', lambda *args: people)
    example.main([str(film), 'none.pth', str(tmp_path / 'out')])
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f'frame {number}: ids [0, 1]' for number in tracked]
    header, *rows = (tmp_path / 'out' / 'tracks.csv').read_text().split()
    assert {'x_min', 'tracker_id', 'frame'} <= {*header.split(',')}
    assert len(rows) == 2 * len(tracked)
    (entry,) = gallery_data(tmp_path / 'out')['entries']
    assert len(entry['scores']) == max(counts)
    frames = list(Video(str(tmp_path / 'out' / entry['video'])))
    drawn = [number for number in range(4) if np.ptp(frames[number]) > 50]
    assert drawn == tracked


def test_files(example, model_files, tmp_path, capsys):
    film = write_video(tmp_path / 'film.mp4', 3)
    config, checkpoint = model_files
    out = tmp_path / 'out'
    example.main([str(film), checkpoint, str(out), '--config', config])
    assert (out / 'tracks.csv').stat().st_size
    (entry,) = gallery_data(out)['entries']
    assert len(list(Video(str(out / entry['video'])))) == 3
    assert 'frame 2: ids [' in capsys.readouterr().out
