"""Names of configs, and the data set they are pointed to."""

from pathlib import Path

import pytest
from helpers import ROOT
from make_toy_coco import make_toy_coco
from mmengine.config import Config
from tool_runs import CONFIG

from poet_mm.apis import POETInferencer
from poet_mm.errors import UserError
from poet_mm.utils.config import find_config, set_data_root


def test_names_of_configs():
    assert Path(find_config('poet_r18_toy')) == (
        ROOT / 'configs' / 'poet_r18_toy.py'
    )
    with pytest.raises(UserError, match=r'Did you mean.*poet_r18_toy'):
        find_config('poet_r18')
    with pytest.raises(UserError, match='neither a config file'):
        POETInferencer('qqqq')


@pytest.fixture(scope='module')
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp('toy')
    make_toy_coco(folder, 8, 4, 64, 0)
    return folder


def test_data_root_reaches_every_loader_and_evaluator(toy):
    cfg = Config.fromfile(ROOT / 'configs' / 'poet_r50_512_coco.py')
    set_data_root(cfg, str(toy))
    for name in ('train', 'val', 'test'):
        assert cfg[f'{name}_dataloader'].dataset.data_root == str(toy)
    for name in ('val', 'test'):
        assert Path(cfg[f'{name}_evaluator'].ann_file).is_file()


def test_annotations_elsewhere(toy):
    cfg = Config.fromfile(CONFIG)
    cfg.test_evaluator.ann_file = './' + cfg.test_evaluator.ann_file
    set_data_root(cfg, str(toy))
    assert Path(cfg.test_evaluator.ann_file).is_file()
    cfg = Config.fromfile(CONFIG)
    cfg.test_evaluator.ann_file = '/other/annotations.json'
    with pytest.raises(UserError, match=r'/other/annotations\.json'):
        set_data_root(cfg, str(toy))
