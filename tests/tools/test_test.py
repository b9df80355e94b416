"""tools/test.py, as a user runs it, on toy people."""

import json

import pytest
from tool_runs import CONFIG, TINY, run, scalars


@pytest.mark.slow
def test_model_of_the_zoo(toy, tiny_zoo, tmp_path):
    """Its config is inside; another config is compared with it."""
    flags = ['--data-root', toy, '--work-dir', tmp_path / 'runs']
    out = tmp_path / 'metrics.json'
    run('test.py', 'tiny', *flags, '--out', out)
    assert 'coco/AP' in json.loads(out.read_text())
    output = run('test.py', CONFIG, 'tiny', *flags, check=False)
    assert 'tiny does not fit the config' in output


@pytest.mark.slow
def test_training_starts_from_the_zoo(toy, tiny_zoo, tmp_path):
    options = ['load_from=tiny', 'train_cfg.max_epochs=1']
    flags = ['--data-root', toy, '--work-dir', tmp_path / 'runs']
    run('train.py', tmp_path / 'small.py', *flags, '--cfg-options', *options)
    assert len(scalars(tmp_path / 'runs')) > 0
    misspelled = ['load_from=tinny', 'train_cfg.max_epochs=1']
    output = run(
        'train.py',
        tmp_path / 'small.py',
        *flags,
        '--cfg-options',
        *misspelled,
        check=False,
    )
    assert 'There is no checkpoint tinny. Did you mean tiny?' in output


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
