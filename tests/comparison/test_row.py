"""The numbers of a training."""

from poet_mm.comparison.row import read_curve


def test_curve_of_any_evaluator():
    records = [
        dict(step=5, epoch=1, loss=3.0),
        {'step': 1, 'crowdpose/AP': 0.25},
        {'step': 2, 'crowdpose/AP': 0.5},
    ]
    (point,) = read_curve(records, epochs=1)
    assert (point['epoch'], point['AP']) == (1, 25)
    assert point['losses'] == dict(loss=3.0)
