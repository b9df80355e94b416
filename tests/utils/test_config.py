"""Names of configs, and the data set they are pointed to."""

from pathlib import Path

import pytest
from helpers import ROOT
from make_toy_coco import make_toy_coco
from mmengine.config import Config
from tool_runs import CONFIG

from poet_mm.apis import POETInferencer
from poet_mm.errors import UserError
from poet_mm.utils.annotation_files import FirstLook
from poet_mm.utils.config import (
    COCO,
    find_config,
    read_config,
    set_data_root,
    set_metainfo,
    set_splits,
    walk,
)
from poet_mm.utils.layouts import Split


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


def test_splits_reach_every_loader_and_evaluator():
    """The test part is that of the data set or, without one, val."""
    look = FirstLook('', [], [], 17)
    splits = {name: Split(f'{name}.json', name, look) for name in 'ab'}
    splits = dict(zip(('train', 'val'), splits.values()))
    for test, folder in ((None, 'b'), (Split('c.json', 'c', look), 'c')):
        cfg = Config.fromfile(ROOT / 'configs' / 'poet_r18_toy.py')
        set_splits(cfg, splits if test is None else dict(splits, test=test))
        expected = dict(train='a', val='b', test=folder)
        for name, part in expected.items():
            data = cfg[f'{name}_dataloader'].dataset
            assert (data.data_root, data.ann_file) == ('', f'{part}.json')
            assert data.data_prefix == dict(img=part)
        assert cfg.val_evaluator.ann_file == 'b.json'
        assert cfg.test_evaluator.ann_file == f'{folder}.json'


FIVE = dict(from_file=str(ROOT / 'configs/_base_/datasets/toy_five.py'))


def write_config(folder, base, *lines):
    path = folder / 'own.py'
    base = str(ROOT / 'configs' / f'{base}.py')
    path.write_text('\n'.join([f'_base_ = {base!r}', *lines]))
    return str(path)


@pytest.mark.parametrize('base', ['poet_fast_r18_toy', 'ae_r18_s4_toy'])
def test_one_key_for_the_metainfo(tmp_path, base):
    """It is what --metainfo does, and is in the config that is written."""
    cfg = read_config(write_config(tmp_path, base, f'metainfo = {FIVE}'))
    for name in ('train', 'val', 'test'):
        assert cfg[f'{name}_dataloader'].dataset.metainfo == FIVE
    assert cfg.model.head.num_keypoints == 5
    if 'fast' in base:
        assert cfg.model.head.loss.metainfo == FIVE
    else:
        assert cfg.model.head.decoder.decode_keypoint_order == [*range(5)]
        nodes = walk(cfg.train_dataloader)
        orders = [node.get('decode_keypoint_order') for node in nodes]
        assert [*range(5)] in orders
    other = read_config(base)
    set_metainfo(other, FIVE, 'five')
    parts = ('model', 'train_dataloader', 'val_dataloader', 'test_dataloader')
    assert all(cfg[part] == other[part] for part in parts)
    cfg.dump(tmp_path / 'dumped.py')
    dumped = Config.fromfile(tmp_path / 'dumped.py')
    assert all(cfg[part] == dumped[part] for part in parts)


def test_places_of_the_metainfo_can_still_be_set_one_by_one(tmp_path):
    path = write_config(
        tmp_path,
        'poet_fast_r18_toy',
        f'five = {FIVE}',
        'model = dict(head=dict(num_keypoints=5, loss=dict(metainfo=five)))',
        'train_dataloader = dict(dataset=dict(metainfo=five))',
    )
    assert read_config(path).pretty_text == Config.fromfile(path).pretty_text
    with open(path, 'a') as file:
        file.write("\nmetainfo = dict(from_file='animalpose.py')")
    cfg = read_config(path)
    assert cfg.train_dataloader.dataset.metainfo == FIVE
    assert cfg.val_dataloader.dataset.metainfo.from_file == 'animalpose.py'
    assert cfg.model.head.num_keypoints == 5


def test_paper_configs_are_read_as_they_are():
    for name in ('poet_r50_coco', 'poet_fast_r50_coco', 'ae_r50_s4_512_coco'):
        path = find_config(name)
        plain = Config.fromfile(path)
        assert read_config(name).pretty_text == plain.pretty_text
        assert plain.metainfo == COCO


def test_metainfo_that_is_not_there(tmp_path):
    line = "metainfo = dict(from_file='none.py')"
    path = write_config(tmp_path, 'poet_r18_toy', line)
    with pytest.raises(UserError, match=r'none\.py'):
        read_config(path)
