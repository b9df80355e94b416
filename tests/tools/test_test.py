"""tools/test.py, as a user runs it, on toy people."""

import json

import pytest
from tool_runs import CONFIG, TINY, run


@pytest.mark.slow
def test_test_evaluates_all_ten_numbers(trained, toy, tmp_path):
    out = tmp_path / 'metrics.json'
    files = ['--out', out, '--dump', tmp_path / 'predictions.pkl']
    folders = ['--data-root', toy, '--work-dir', tmp_path, '--show-dir', 'x']
    checkpoint = trained / 'epoch_2.pth'
    run('test.py', CONFIG, checkpoint, *files, *folders, *TINY[:4])
    assert (tmp_path / 'predictions.pkl').is_file()
    metrics = json.loads(out.read_text())
    names = {
        f'coco/{kind}{at}'
        for kind in ('AP', 'AR')
        for at in ('', ' .5', ' .75', ' (M)', ' (L)')
    }
    assert names == set(metrics)
    assert len(list(tmp_path.glob('*/x/*.png'))) == 4
