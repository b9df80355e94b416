"""tools/test.py, as a user runs it, on toy people."""

import json

from tool_runs import CONFIG, TINY, run


def test_test_evaluates_all_ten_numbers(trained, toy, tmp_path):
    out = tmp_path / 'metrics.json'
    run(
        'test.py',
        CONFIG,
        trained / 'epoch_2.pth',
        '--data-root',
        toy,
        '--work-dir',
        tmp_path,
        '--out',
        out,
        '--show-dir',
        'drawn',
        '--dump',
        tmp_path / 'predictions.pkl',
        *TINY[:4],
    )
    assert (tmp_path / 'predictions.pkl').is_file()
    metrics = json.loads(out.read_text())
    names = {
        f'coco/{kind}{at}'
        for kind in ('AP', 'AR')
        for at in ('', ' .5', ' .75', ' (M)', ' (L)')
    }
    assert names == set(metrics)
    assert len(list(tmp_path.glob('*/drawn/*.png'))) == 4


def test_missing_checkpoint():
    output = run('test.py', CONFIG, 'none.pth', check=False)
    assert 'There is no checkpoint none.pth' in output
    assert 'Traceback' not in output
