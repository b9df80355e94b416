"""Logs of training: epochs are averaged, half a line is left out."""

import pytest

from poet_mm.utils.logs import read_scalars, series


def test_series_averages_epochs():
    records = [
        dict(loss=4, epoch=1, step=1),
        dict(loss=2, epoch=1, step=2),
        dict(loss=1, epoch=2, step=3),
        {'coco/AP': 0.5, 'step': 2},
    ]
    assert series(records, 'loss') == ([1, 2], [3, 1])
    assert series(records, 'coco/AP') == ([2], [0.5])
    assert series(records, 'val/loss') == ([], [])


def test_curves_need_a_log(tmp_path):
    tmp_path = tmp_path / 'lr[1e-4]'
    with pytest.raises(FileNotFoundError, match=r'No scalars\.json'):
        read_scalars(str(tmp_path))
    folder = tmp_path / 'run' / 'vis_data'
    folder.mkdir(parents=True)
    half = '{"loss": 1.0, "step": 1}\n{"loss": 0.5, "st'
    (folder / 'scalars.json').write_text(half)
    assert read_scalars(str(tmp_path)) == [dict(loss=1.0, step=1)]
