"""The table of rows that are not all there."""

from poet_mm.comparison.table import METRICS, coco_metrics, write_table


def test_table_of_nothing_yet(tmp_path):
    """COCO's -1 and missing numbers are dashes."""
    numbers = coco_metrics(
        {
            f'coco/{name}': -1.0 if 'L' in name else 0.5
            for name in METRICS.values()
        }
    )
    assert (numbers['AP'], numbers['APL']) == (50, None)
    crowd = coco_metrics({'crowdpose/AP': 0.25, 'crowdpose/AP(M)': 0.3})
    assert (crowd['AP'], crowd['APM']) == (25, None)
    rows = [
        dict(method='AE', how='failed: a | b'),
        dict(method='POET', stride=32, how='trained here', **numbers),
    ]
    write_table(rows, tmp_path, 'title', ['note'])
    lines = (tmp_path / 'table.md').read_text().splitlines()
    heads, failed, trained = (
        [cell.strip() for cell in lines[i].split('|')][1:-1] for i in (2, 4, 5)
    )
    names = [name for name in METRICS if 'L' not in name]  # without a value
    assert heads == ['method', 'stride', *names, 'how']
    assert failed == ['AE', *['-'] * (1 + len(names)), 'failed: a / b']
    assert trained == ['POET', '32', *['50.0'] * len(names), 'trained here']


def test_small_people_have_columns_where_measured(tmp_path):
    for metrics, found in (
        ({'coco/AP': 0.5, 'coco/AP (S)': 0.2, 'coco/AR (S)': 0.3}, True),
        ({'coco/AP': 0.5, 'coco/AP (S)': -1, 'coco/AR (S)': -1}, False),
        ({'coco/AP': 0.5}, False),
    ):
        write_table([coco_metrics(metrics)], tmp_path, 'title', [])
        head, row = (tmp_path / 'table.csv').read_text().splitlines()
        small = ['APS', 'ARS'] if found else []
        assert head.split(',') == ['AP', *small]
        numbers = [50, 20, 30] if found else [50]
        assert [float(cell) for cell in row.split(',')] == numbers


def test_ap_after_steps(tmp_path):
    """Only an evaluation at exactly that step has a number."""
    curve = [dict(epoch=epoch, AP=10.0 * epoch) for epoch in (1, 2)]
    older = dict(epochs=2, curve=curve, how='by an older version')
    rows = [dict(epochs=2, steps=500, curve=curve, how='here'), older]
    write_table(rows, tmp_path, 'title', [], ap_after=[250, 300, 500])
    lines = (tmp_path / 'table.md').read_text().splitlines()
    heads, trained, older = (
        [cell.strip() for cell in lines[i].split('|')][-3:-1]
        for i in (2, 4, 5)
    )
    assert heads == [f'AP after {step} steps' for step in (250, 500)]
    assert trained == ['10.0', '20.0']
    assert older == ['-'] * 2
