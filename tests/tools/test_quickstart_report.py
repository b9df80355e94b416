"""tools/quickstart_report.py on what a training leaves behind."""
import json

from tool_runs import CONFIG, run, scalars


def test_quickstart_report(trained):
    """The table and the two pictures, from what training left behind."""
    unseen = trained / 'unseen.json'
    last = [record for record in scalars(trained) if 'coco/AP' in record][-1]
    unseen.write_text(json.dumps(last))
    output = run('quickstart_report.py', trained / CONFIG.name, trained,
                 unseen)
    assert '| fast POET, trained now ' in output
    assert '| faithful POET, same training (docs/fast_toy) |' in output
    assert 'NOT reached' in output
    for name in ('predictions.png', 'curves.png'):
        assert (trained / name).stat().st_size > 10000
