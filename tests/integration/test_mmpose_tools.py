"""MMPose's own tools take our configs and our logs."""

import json
import runpy
import sys
from importlib.util import find_spec
from pathlib import Path

import cv2
import mmpose
import numpy as np
import pytest
from helpers import ROOT
from make_toy_coco import make_toy_coco

from poet_mm.utils.config import read_config

CONFIG = str(ROOT / 'configs' / 'poet_fast_r18_five_toy.py')
TOOLS = Path(mmpose.__file__).parent / '.mim' / 'tools'
JOINTS = ['nose', 'left_wrist', 'right_wrist', 'left_ankle', 'right_ankle']


def run(monkeypatch, tool, *args):
    monkeypatch.setattr(sys, 'argv', [tool, *map(str, args)])
    runpy.run_path(str(TOOLS / tool), run_name='__main__')


@pytest.fixture(scope='module')
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp('five')
    make_toy_coco(folder, 3, 0, 64, 0, joints=JOINTS)
    return folder


def test_get_flops(monkeypatch, capsys):
    tool = 'analysis_tools/get_flops.py'
    run(monkeypatch, tool, CONFIG, '--input-shape', 64, 64)
    out = capsys.readouterr().out
    assert 'Input shape: (1, 3, 64, 64)' in out
    assert 'head.decoder' in out


@pytest.mark.parametrize('mode', ['transformed', 'original'])
def test_browse_dataset(monkeypatch, toy, tmp_path, mode):
    """Keypoints are drawn over each of the images.

    The config is as the work dir has it, with the skeleton in every place.
    """
    config, out = tmp_path / 'config.py', tmp_path / 'out'
    read_config(CONFIG).dump(config)
    root = f'train_dataloader.dataset.data_root={toy}'
    args = ['--not-show', '--mode', mode, '--output-dir', out]
    tool = 'misc/browse_dataset.py'
    run(monkeypatch, tool, config, *args, '--cfg-options', root)
    drawn = sorted(out.iterdir())
    assert len(drawn) == 3
    image = cv2.imread(str(toy / 'train2017' / drawn[0].name))
    drawn = cv2.imread(str(drawn[0]))
    drawn = cv2.resize(drawn, image.shape[1::-1])
    assert np.abs(drawn.astype(int) - image).max() > 50


@pytest.mark.skipif(not find_spec('seaborn'), reason='it imports seaborn')
def test_analyze_logs(monkeypatch, tmp_path):
    log = tmp_path / 'scalars.json'
    records = [
        dict(epoch=1 + n // 2, step=n, loss=5.0 - n, time=0.1)
        for n in range(4)
    ]
    log.write_text('\n'.join(map(json.dumps, records)))
    args = f'plot_curve {log} --keys loss --backend Agg --out'.split()
    tool = 'analysis_tools/analyze_logs.py'
    run(monkeypatch, tool, *args, tmp_path / 'loss.png')
    assert (tmp_path / 'loss.png').stat().st_size > 1000
