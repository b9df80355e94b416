"""Curves of several, resumed and repeated trainings."""

import json

import analyze
import pytest
from known_predictions import write_log

from poet_mm.analysis.curves import analyze_curves
from poet_mm.errors import UserError


def test_curves_of_several_work_dirs(tmp_path):
    """Epochs are averaged; validation has its own keys."""
    for name, scale in (('a/run', 1), ('b/run', 2)):
        validation = {'val/loss': 5, 'val/loss_cls': 2, 'val/d0.loss_cls': 3}
        write_log(
            tmp_path / name,
            [
                dict(loss=4 * scale, loss_cls=1.0, epoch=1, step=1),
                dict(loss=2 * scale, loss_cls=1.0, epoch=1, step=2),
                {'coco/AP': 0.1 * scale, **validation, 'step': 1},
            ],
        )
    out = tmp_path / 'out'
    dirs = [str(tmp_path / 'a/run'), str(tmp_path / 'b/run')]
    analyze.main(['curves', *dirs, '--out', str(out)])
    runs = json.loads((out / 'curves.json').read_text())['runs']
    assert list(runs) == ['a/run', 'b/run']
    assert runs['b/run']['loss'] == [[1], [6]]
    assert runs['b/run']['coco/AP'] == [[1], [0.2]]
    assert runs['a/run']['val/loss_cls'] == [[1], [2]]
    assert 'dashed' in (out / 'curves.txt').read_text()
    with pytest.raises(UserError, match=r'twice.*a/run'):
        analyze_curves([dirs[0], dirs[0]])
    with pytest.raises(UserError, match=r'scalars\.json .*out'):
        analyze_curves([str(out)])


def losses(steps, value):
    """What training logs at these steps, ten to an epoch."""
    return [
        dict(loss=value, loss_cls=value, step=step, epoch=(step + 9) // 10)
        for step in steps
    ]


def curves_of(*work_dirs):
    result = analyze_curves(list(map(str, work_dirs)))
    runs = result.numbers['runs'].items()
    return {name: run['loss'] for name, run in runs}, result.caption


def test_curves_of_a_resumed_training(tmp_path):
    """It goes on from epoch 2, and replaces what it does again."""
    write_log(tmp_path / 'run', losses((10, 20, 30), 3.0), '2020')
    write_log(tmp_path / 'run', losses((30, 40), 2.0), '2021')
    write_log(tmp_path / 'run', losses((35,), 1.0), '2022')  # in an epoch
    runs, caption = curves_of(tmp_path / 'run')
    assert runs == dict(run=([1, 2, 3, 4], [3, 3, 2, 1.5]))
    assert 'trainings' not in caption


@pytest.mark.parametrize(
    ('first', 'second'),
    [((10, 20, 30), (10, 20)), ((5, 10), (5,)), ((2, 4, 30), (8, 16))],
)
def test_curves_of_two_trainings_in_one_work_dir(tmp_path, first, second):
    """Only the last is drawn, and the caption says so; each can be drawn."""
    work_dir = tmp_path / 'run'
    write_log(work_dir, losses(first, 3.0), '2020')
    write_log(work_dir, losses((100,), 3.0), '2021')  # resumed
    write_log(work_dir, losses(second, 2.0), '2022')
    write_log(work_dir, losses((60,), 1.0), '2023')  # resumed
    runs, caption = curves_of(work_dir)
    assert set(runs['run'][1]) == {2, 1}
    assert runs['run'][0][-1] == 6
    assert 'run holds 2 trainings' in caption
    runs, caption = curves_of(work_dir / '2020', work_dir / '2022')
    assert set(runs['2020'][1]) == {3}
    assert set(runs['2022'][1]) == {2}
    assert 'trainings' not in caption


def test_curves_compare_the_same_terms(tmp_path):
    """Only training of the fast POET has proposals and denoising queries."""
    terms = {
        'loss_cls': 1.0,
        'd0.loss_cls': 2.0,
        'enc.loss_cls': 4.0,
        'dn.loss_centers': 8.0,
        'dn.d0.loss_centers': 16.0,
    }
    write_log(tmp_path, [dict(terms, loss=31.0, epoch=1, step=1)])
    runs, caption = curves_of(tmp_path)
    assert runs == {tmp_path.name: ([1], [3])}
    assert 'proposals' in caption
