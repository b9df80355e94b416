"""The table and the figure of rows that are not all there."""

from poet_mm.comparison.strides import draw_strides
from poet_mm.comparison.table import coco_metrics, write_table


def test_table_and_figure_of_nothing_yet(tmp_path):
    """COCO's -1 and what is not known are dashes."""
    metrics = {
        f'coco/{name}': -1.0 if 'L' in name else 0.5
        for name in (
            'AP',
            'AP .5',
            'AP .75',
            'AP (M)',
            'AP (L)',
            'AR',
            'AR .5',
            'AR .75',
            'AR (M)',
            'AR (L)',
        )
    }
    numbers = coco_metrics(metrics)
    assert numbers['AP'] == 50
    crowd = coco_metrics({'crowdpose/AP': 0.25, 'crowdpose/AP(M)': 0.3})
    assert (crowd['AP'], crowd['APM']) == (25, None)
    assert numbers['APL'] is None
    rows = [
        dict(method='AE', how='failed: a | b'),
        dict(method='POET', stride=32, how='trained here', **numbers),
    ]
    write_table(rows, tmp_path, 'title', ['note'], None)
    lines = (tmp_path / 'table.md').read_text().splitlines()
    assert lines[4].startswith('| - | AE | - | - |')
    assert lines[4].count('|') == lines[5].count('|')
    assert '| 50.0 | - |' in lines[5]
    draw_strides(rows, tmp_path / 'one.png', 'title')
    draw_strides([], tmp_path / 'none.png', 'title')
    assert (tmp_path / 'none.png').is_file()
