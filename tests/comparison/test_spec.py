"""The file of a comparison: rows, budgets, folders."""

import json
import subprocess
import sys

import numpy as np
import pytest
from helpers import ROOT
from mmengine.config import Config
from mmpose.registry import MODELS, TRANSFORMS
from tiny_comparison import ROWS, TINY, write_comparison

from poet_mm.comparison.spec import (
    check_files,
    read_comparison,
    row_config,
    row_folder,
    set_batch,
    set_budget,
)
from poet_mm.errors import UserError


def test_a_change_of_config_is_another_row(toy, tmp_path):
    folders = set()
    for changes in (
        dict(),
        dict(budget=dict(epochs=3)),
        dict(options={**TINY, 'optim_wrapper.optimizer.lr': 1}),
    ):
        path = write_comparison(tmp_path / 'c.py', toy, **changes)
        comparison = read_comparison(str(path))
        row = comparison.rows[0]
        for _ in range(2):
            cfg = row_config(comparison, row)
            folders.add(row_folder('w', comparison, row, cfg, 1))
    assert len(folders) == 3
    assert row_folder('w', comparison, row, cfg, 2) not in folders


def test_a_change_of_its_source_is_another_row(toy, tmp_path):
    path = str(write_comparison(tmp_path / 'c.py', toy))
    comparison = read_comparison(path)
    ae, poet = comparison.rows
    cfg = row_config(comparison, poet)
    plain = row_folder('w', comparison, poet, cfg, 1)
    folders = set()
    for number in (1, 2):
        source = row_config(comparison, ae)
        source.work_dir = f'other/rows/ae-{number}'
        for key in ('start_from', 'checkpoint'):
            poet.start_from = poet.checkpoint = None
            setattr(poet, key, 'ae')
            folder = row_folder('w', comparison, poet, cfg, 1, source)
            folders.add(folder)
    assert len({plain, *folders}) == 5


def test_whose_epochs_count(toy, tmp_path):
    """The command line's, then the row's, then the file's."""
    rows = [*ROWS, dict(ROWS[0], name='given', checkpoint=__file__, epochs=7)]
    path = str(write_comparison(tmp_path / 'c.py', toy, rows=rows))
    epochs = [
        [row.epochs for row in comparison.rows]
        for comparison in (
            read_comparison(path),
            read_comparison(path, epochs=9),
        )
    ]
    assert epochs == [[2, 4, 7], [9, 9, 7]]


def test_the_command_line_overrides_rows(toy, tmp_path):
    key = 'train_dataloader.batch_size'
    rows = [dict(ROWS[0], options={key: 5})]
    path = str(write_comparison(tmp_path / 'c.py', toy, rows=rows))
    for options, size in (({}, 5), ({key: 6}, 6)):
        comparison = read_comparison(path, options=options)
        cfg = row_config(comparison, comparison.rows[0])
        assert cfg.train_dataloader.batch_size == size


def test_gpus_share_a_batch(toy, tmp_path):
    """As equally as possible, in one folder; the command line comes first."""
    rows = [dict(ROWS[0], batch=50)]
    path = str(write_comparison(tmp_path / 'c.py', toy, rows=rows))
    key = 'train_dataloader.batch_size'
    sizes, folders = [], set()
    cases = [(gpus, {}) for gpus in (1, 5, 8, 99)]
    for gpus, options in [*cases, (8, {key: 3}), (4, {key: 3})]:
        comparison = read_comparison(path, options=options)
        (row,) = comparison.rows
        cfg = row_config(comparison, row)
        folders.add(row_folder('w', comparison, row, cfg, gpus))
        set_batch(comparison, row, cfg, gpus)
        sizes.append(cfg.train_dataloader.batch_size)
    assert sizes == [50, 10, 6, 1, 3, 3]
    assert len(folders) == 3
    for batch in (0, 2.5):
        rows[0]['batch'] = batch
        path = str(write_comparison(tmp_path / 'c.py', toy, rows=rows))
        with pytest.raises(UserError, match=f'has batch {batch}, expected'):
            read_comparison(path)


def test_a_row_has_a_skeleton_of_its_own(toy, tmp_path):
    """Of data, head and loss, as with the key of a config."""
    five = str(ROOT / 'configs/_base_/datasets/toy_five.py')
    options = dict(metainfo=dict(from_file=five))
    rows = [ROWS[1], dict(ROWS[1], name='five', options=options)]
    path = str(write_comparison(tmp_path / 'c.py', toy, rows=rows))
    comparison = read_comparison(path)
    numbers = []
    for row in comparison.rows:
        cfg = row_config(comparison, row)
        names = cfg.train_dataloader.dataset.metainfo.from_file
        numbers.append((cfg.model.head.num_keypoints, names == five))
    assert numbers == [(17, False), (5, True)]


def test_a_row_with_a_checkpoint_needs_no_training_data(toy, tmp_path):
    rows = [dict(ROWS[0], checkpoint=__file__)]
    path = str(write_comparison(tmp_path / 'c.py', toy, rows=rows))
    options = {
        'train_dataloader.dataset.ann_file': 'none.json',
        'model.init_cfg': dict(type='Pretrained', checkpoint='no'),
    }
    comparison = read_comparison(path, options=options)
    row = comparison.rows[0]
    cfg = row_config(comparison, row)
    check_files(cfg, row)
    row.checkpoint = None
    with pytest.raises(UserError, match='no, which row ae needs'):
        check_files(cfg, row)


FIVE = ['nose', 'left_wrist', 'right_wrist', 'left_ankle', 'right_ankle']


def keep_five(folder):
    for part in ('train', 'val'):
        files = f'person_keypoints_{part}2017.json', f'five_{part}2017.json'
        script = ROOT / 'examples' / 'keep_keypoints.py'
        subprocess.run(
            [sys.executable, script, *files, *FIVE], cwd=folder, check=True
        )


def test_keep_keypoints(toy):
    """The example keeps the people, and of their keypoints those named."""
    folder = toy / 'annotations'
    keep_five(folder)
    before, after = (
        json.loads((folder / f'{name}_val2017.json').read_text())
        for name in ('person_keypoints', 'five')
    )
    assert after['categories'][0]['keypoints'] == FIVE
    assert after['images'] == before['images']
    for old, new in zip(before['annotations'], after['annotations']):
        old_points = np.reshape(old['keypoints'], (17, 3))[[0, 9, 10, 15, 16]]
        np.testing.assert_array_equal(
            np.reshape(new['keypoints'], (5, 3)), old_points
        )
        assert new['num_keypoints'] == (old_points[:, 2] > 0).sum()


@pytest.mark.slow
@pytest.mark.parametrize(
    'path',
    [*(ROOT / 'configs' / 'comparisons').glob('*.py')],
    ids=lambda path: path.stem,
)
def test_shipped_comparisons_build(path, toy):
    if path.stem == 'finetune_coco_mini':
        keep_five(toy / 'annotations')
    comparison = read_comparison(str(path), str(toy))
    for row in comparison.rows:
        if row.seed:
            continue  # as another row
        cfg = row_config(comparison, row)
        if 'coco_mini' in path.stem:
            cfg.model.backbone.init_cfg = None  # its file is the user's
        check_files(cfg, row)
        if not row.checkpoint:
            set_budget(cfg, row.epochs)
        cfg.model.backbone.init_cfg = None
        MODELS.build(cfg.model)
        for loader in (cfg.train_dataloader, cfg.test_dataloader):
            for step in loader.dataset.pipeline:
                TRANSFORMS.build(step)


def test_study_two_of_the_paper(toy):
    """What starts from what, how long, and on which images it is tested."""
    path = ROOT / 'configs' / 'comparisons' / 'stride_coco.py'
    rows = {row.name: row for row in read_comparison(str(path), str(toy)).rows}
    poets = 'poet_r50_512_coco', 'poet_dc5_r50_512_coco'
    for name, batch in zip(poets, (64, 50)):
        assert (rows[name].epochs, rows[name].batch) == (250, batch)
        backbone = 'model.backbone.init_cfg.'
        assert rows[name].options == {
            backbone + 'checkpoint': 'ae-r50',
            backbone + 'prefix': 'backbone.',
        }
    first, *others = (
        f'ae_r50_s{stride}_512_coco' for stride in (4, 8, 16, 32)
    )
    assert rows[first].checkpoint == 'ae-r50'
    for name in others:
        assert (rows[name].start_from, rows[name].epochs) == (first, 100)
    for name in (*poets, first, *others):
        row = rows[f'{name}, images with people']
        assert row.checkpoint == name
        images = {'test_dataloader.dataset.images': 'with_people'}
        assert row.options == images != rows[name].options
    for name in (first, *others):
        row = rows[f'{name}, no flip test']
        assert row.options == {'model.test_cfg.flip_test': False}


def test_budget_stretches_the_schedule():
    cfg = Config.fromfile(ROOT / 'configs' / 'ae_r50_s4_512_coco.py')
    set_budget(cfg, 30)
    warm_up, steps = cfg.param_scheduler
    assert cfg.train_cfg.max_epochs == 30
    assert (warm_up.begin, warm_up.end) == (0, 500)  # iterations
    assert steps.milestones == [20, 26]
    cfg = Config.fromfile(ROOT / 'configs' / 'poet_r18_toy.py')
    set_budget(cfg, 32, val_interval=2)
    assert cfg.train_cfg.val_interval == 2
    assert cfg.param_scheduler[1].T_max == 32
    assert cfg.default_hooks.checkpoint.interval == 3
    cfg.param_scheduler[1].T_max = 8
    set_budget(cfg, 1)
    assert cfg.param_scheduler[1].T_max == 1
