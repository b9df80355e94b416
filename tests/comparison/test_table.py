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
    failed, trained = (
        [cell.strip() for cell in line.split('|')] for line in lines[4:6]
    )
    assert failed[1:5] == ['-', 'AE', '-', '-']
    assert len(failed) == len(trained)
    assert trained[8:13] == ['50.0', '50.0', '50.0', '50.0', '-']


def test_ap_after_steps(tmp_path):
    """Only an evaluation at exactly that step has a number."""
    curve = [dict(epoch=epoch, AP=10.0 * epoch) for epoch in (1, 2)]
    older = dict(epochs=2, curve=curve, how='by an older version')
    rows = [dict(epochs=2, steps=500, curve=curve), older]
    write_table(rows, tmp_path, 'title', [], ap_after=[250, 300, 500])
    lines = (tmp_path / 'table.md').read_text().splitlines()
    heads, trained, older = (
        [cell.strip() for cell in lines[i].split('|')][-4:-1]
        for i in (2, 4, 5)
    )
    assert heads == [f'AP after {step} steps' for step in (250, 300, 500)]
    assert trained == ['10.0', '-', '20.0']
    assert older == ['-'] * 3
