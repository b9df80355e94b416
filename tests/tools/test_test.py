"""tools/test.py, as a user runs it, on synthetic people."""

import json
import runpy
from argparse import Namespace

import pytest
import torch
from helpers import ROOT
from mmengine.config import Config
from tool_runs import CONFIG, TINY, run, scalars

from poet_mm import cli
from poet_mm.errors import UserError
from poet_mm.utils.config import read_config

NO_PRETRAINED = ['model.backbone.init_cfg=None']


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
    options = ['load_from=tiny', 'train_cfg.max_epochs=1', *NO_PRETRAINED]
    folders = ['--data-root', toy, '--work-dir', tmp_path / 'runs']
    flags = ['--no-validate', *folders, '--cfg-options', *options]
    run('train.py', tmp_path / 'small.py', *flags)
    assert scalars(tmp_path / 'runs')
    (log,) = (tmp_path / 'runs').glob('*/*.log')
    assert 'Load checkpoint from tiny' in log.read_text()


@pytest.mark.slow
def test_test_evaluates_all_ten_numbers(trained, toy, tmp_path):
    out = tmp_path / 'metrics.json'
    files = ['--out', out, '--dump', tmp_path / 'predictions.pkl']
    folders = ['--data-root', toy, '--work-dir', tmp_path, '--show-dir', 'x']
    checkpoint = trained / 'epoch_2.pth'
    flags = [*files, *folders, '--per-keypoint']
    output = run('test.py', CONFIG, checkpoint, *flags, *TINY[:4])
    assert output.index('Average Recall') < output.index('median_px')
    assert output.count('right_ankle') >= 3
    assert (tmp_path / 'predictions.pkl').is_file()
    metrics = json.loads(out.read_text())
    by_keypoint = [name for name in metrics if name.startswith('keypoints/')]
    assert len(by_keypoint) == 17
    for name in by_keypoint:
        assert 0 <= metrics.pop(name) <= 1
    names = {
        f'coco/{kind}{at}'
        for kind in ('AP', 'AR')
        for at in ('', ' .5', ' .75', ' (M)', ' (L)')
    }
    assert names == set(metrics)
    assert len(list(tmp_path.glob('*/x/*.png'))) == 4


def test_config_of_a_resumed_training():
    """A work dir has it; the checkpoint may have no optimiser to resume."""
    merge_args = runpy.run_path(str(ROOT / 'tools' / 'test.py'))['merge_args']
    args = Namespace(
        checkpoint='best.pth', dump=None, per_keypoint=False, cfg_options={}
    )
    cfg = merge_args(Config(dict(resume=True)), args)
    assert (cfg.load_from, cfg.resume) == ('best.pth', False)


def test_keypoints_need_annotations_of_coco(tmp_path):
    """The lowest score is that of the checkpoint."""
    checkpoint = str(tmp_path / 'best.pth')
    torch.save(dict(state_dict={}, meta=dict(score_thr=0.25)), checkpoint)
    merge_args = runpy.run_path(str(ROOT / 'tools' / 'test.py'))['merge_args']
    args = Namespace(
        checkpoint=checkpoint, dump='a.pkl', per_keypoint=True, cfg_options={}
    )
    coco = dict(type='FastCocoMetric', ann_file='a.json')
    cfg = merge_args(Config(dict(test_evaluator=coco)), args)
    types = [each.type for each in cfg.test_evaluator]
    assert types == ['FastCocoMetric', 'DumpResults', 'KeypointMetric']
    assert cfg.test_evaluator[-1].ann_file == 'a.json'
    assert cfg.test_evaluator[-1].score_thr == 0.25
    with pytest.raises(UserError, match='test_evaluator is PCKAccuracy'):
        merge_args(Config(dict(test_evaluator=dict(type='PCKAccuracy'))), args)


def test_images_without_labels(tmp_path):
    """Such as COCO's test-dev, keep the skeleton of the config."""
    cfg = read_config(str(CONFIG))
    cfg.work_dir = str(tmp_path / 'runs')
    expected = cfg.test_dataloader.dataset.metainfo
    ann_file = tmp_path / cfg.test_dataloader.dataset.ann_file
    ann_file.parent.mkdir()
    ann_file.write_text(json.dumps(dict(images=[dict(id=1)])))
    args = Namespace(data_root=str(tmp_path), splits={}, metainfo=None)
    cli.use_data(cfg, args)
    assert cfg.test_dataloader.dataset.data_root == str(tmp_path)
    assert cfg.test_dataloader.dataset.metainfo == expected
