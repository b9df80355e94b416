"""tools/publish_model.py on a checkpoint of tools/train.py."""

import pytest
import torch
from helpers import ROOT
from tool_runs import run


@pytest.mark.slow
def test_publish_what_was_trained(trained, toy, tmp_path):
    """Plain values, with config and versions, from mmengine's own file."""
    output = run(
        'publish_model.py', trained / 'epoch_2.pth', tmp_path / 'poet.pth'
    )
    (path,) = tmp_path.glob('poet-????????.pth')
    assert str(path) in output
    meta = torch.load(path, weights_only=True)['meta']
    assert meta['versions']['torch'] == torch.__version__
    assert 'base_channels=8' in meta['cfg']
    assert str(trained) not in meta['cfg']
    output = run(
        'test.py',
        ROOT / 'configs' / 'poet_r18_s32_toy.py',
        path,
        '--data-root',
        toy,
        '--work-dir',
        tmp_path,
        check=False,
    )
    assert f'{path} does not fit the config: backbone' in output
    assert 'Traceback' not in output
