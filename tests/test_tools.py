"""The command-line tools, as a user runs them, on toy people."""
import json
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import benchmark
import numpy as np
import pytest
import train
from make_toy_coco import make_toy_coco
from mmengine.config import Config

from poet_mm.apis import UserError, check_pretrained, set_data_root

ROOT = Path(__file__).parent.parent
CONFIG = ROOT / 'configs' / 'poet_r18_toy.py'
TINY = [
    '--cfg-options', 'model.backbone.base_channels=8',
    'model.backbone.stem_channels=8', 'model.head.in_channels=32',
    'train_cfg.max_epochs=2', 'train_cfg.val_interval=1',
    'param_scheduler=[]', 'train_dataloader.batch_size=4',
    'default_hooks.checkpoint.interval=1', 'default_hooks.logger.interval=1'
]


@pytest.fixture(scope='module')
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp('toy')
    make_toy_coco(folder, 8, 4, 64, 0)
    return folder


def run(tool, *args, check=True):
    """Run a tool in a process of its own; -> its output."""
    result = subprocess.run(
        [sys.executable, ROOT / 'tools' / tool, *map(str, args)],
        capture_output=True,
        text=True)
    output = result.stdout + result.stderr
    assert (result.returncode == 0) == check, output[-3000:]
    return output


def scalars(work_dir):
    path, = Path(work_dir).glob('*/vis_data/scalars.json')
    return [json.loads(line) for line in path.read_text().splitlines()]


def losses(work_dir):
    return [record['loss'] for record in scalars(work_dir)
            if 'loss' in record]


@pytest.fixture(scope='module')
def trained(toy, tmp_path_factory):
    work_dir = tmp_path_factory.mktemp('trained')
    run('train.py', CONFIG, '--data-root', toy, '--work-dir', work_dir, *TINY)
    return work_dir


def test_train_logs_every_layer_and_validates(trained):
    records = scalars(trained)
    terms = {'cls', 'keypoints', 'visibility', 'centers'}
    expected = {f'{layer}loss_{term}' for layer in ('', 'd0.', 'd1.')
                for term in terms}
    assert expected <= set(records[0])
    assert sum('coco/AP' in record for record in records) == 2
    assert (trained / 'epoch_2.pth').is_file()


def test_test_evaluates_all_ten_numbers(trained, toy, tmp_path):
    out = tmp_path / 'metrics.json'
    run('test.py', CONFIG, trained / 'epoch_2.pth', '--data-root', toy,
        '--work-dir', tmp_path, '--out', out, '--show-dir', 'drawn', *TINY[:4])
    metrics = json.loads(out.read_text())
    names = {
        f'coco/{kind}{at}'
        for kind in ('AP', 'AR') for at in ('', ' .5', ' .75', ' (M)', ' (L)')
    }
    assert names == set(metrics)
    assert len(list(tmp_path.glob('*/drawn/*.png'))) == 4


def test_same_seed_same_run_and_resume(trained, toy, tmp_path):
    """Stopped after the first of two epochs and resumed: the same losses."""
    args = ['train.py', CONFIG, '--data-root', toy, '--work-dir', tmp_path]
    first = [option for option in TINY if 'max_epochs' not in option]
    run(*args, *first, 'train_cfg.max_epochs=1')
    resumed = tmp_path / 'first'
    once, = tmp_path.glob('2*')
    once.rename(resumed)
    expected = losses(trained)
    assert losses(tmp_path) == expected[:len(expected) // 2]
    run(*args, '--resume', *TINY)
    resumed.rename(tmp_path.parent / 'moved')
    assert losses(tmp_path) == pytest.approx(
        expected[len(expected) // 2:], rel=1e-5)


def test_mmpose_apis(trained, toy):
    """init_model and MMPoseInferencer agree on a checkpoint of ours."""
    from mmpose.apis import MMPoseInferencer, inference_bottomup, init_model
    cfg = Config.fromfile(CONFIG)
    options = dict(option.split('=') for option in TINY[1:4])
    cfg.merge_from_dict({key: int(value) for key, value in options.items()})
    checkpoint = str(trained / 'epoch_2.pth')
    image = str(next((toy / 'val2017').iterdir()))
    model = init_model(cfg, checkpoint, device='cpu')
    found = inference_bottomup(model, image)[0].pred_instances
    inferencer = MMPoseInferencer(
        pose2d=cfg, pose2d_weights=checkpoint, device='cpu')
    people = next(inferencer(image))['predictions'][0]
    assert len(people) == len(found.keypoints) == 10
    got = np.array([person['keypoints'] for person in people])
    np.testing.assert_allclose(got, found.keypoints, rtol=1e-4)


def test_data_root_reaches_every_loader_and_evaluator(toy):
    cfg = Config.fromfile(ROOT / 'configs' / 'poet_r50_512_coco.py')
    set_data_root(cfg, str(toy))
    for name in ('train', 'val', 'test'):
        assert cfg[f'{name}_dataloader'].dataset.data_root == str(toy)
    for name in ('val', 'test'):
        assert Path(cfg[f'{name}_evaluator'].ann_file).is_file()


def test_wrong_data_root(tmp_path):
    output = run('train.py', CONFIG, '--data-root', tmp_path, check=False)
    assert 'has no folder annotations' in output
    assert 'Traceback' not in output
    with pytest.raises(UserError, match='does not exist'):
        set_data_root(Config.fromfile(CONFIG), str(tmp_path / 'nowhere'))


def test_missing_weights_say_what_to_do(tmp_path):
    cfg = Config.fromfile(ROOT / 'configs' / 'poet_r50_coco.py')
    cfg.model.backbone.init_cfg.checkpoint = str(tmp_path / 'none.pth')
    with pytest.raises(UserError, match=r'checkpoint=FILE.*init_cfg=None'):
        check_pretrained(cfg)


def test_missing_checkpoint(toy):
    output = run('test.py', CONFIG, 'none.pth', check=False)
    assert 'There is no checkpoint none.pth' in output
    assert 'Traceback' not in output


def test_amp(monkeypatch):
    cfg = Config.fromfile(CONFIG)
    monkeypatch.setattr('torch.cuda.is_available', lambda: False)
    with pytest.raises(UserError, match='--amp needs a GPU'):
        train.use_amp(cfg)
    monkeypatch.setattr('torch.cuda.is_available', lambda: True)
    train.use_amp(cfg)
    assert cfg.optim_wrapper.type == 'AmpOptimWrapper'
    cfg.optim_wrapper.type = 'OtherWrapper'
    with pytest.raises(UserError, match='OtherWrapper'):
        train.use_amp(cfg)


def test_quickstart_report(trained):
    """The table and the two pictures, from what training left behind."""
    unseen = trained / 'unseen.json'
    last = [record for record in scalars(trained) if 'coco/AP' in record][-1]
    unseen.write_text(json.dumps(last))
    output = run('quickstart_report.py', trained / CONFIG.name, trained,
                 unseen)
    assert '| images it trains on |' in output
    assert '| unseen images       |' in output
    for name in ('predictions.png', 'curves.png'):
        assert (trained / name).stat().st_size > 10000


def test_benchmark_compares_equals(capsys):
    """Small, for its built-in check that loop and ours agree."""
    benchmark.matching(
        Namespace(images=3, queries=8, people=5, layers=2, repeat=1))
    assert 'same pairs, same loss' in capsys.readouterr().out


def test_make_subset(toy, tmp_path):
    run('make_subset.py', toy, tmp_path, '--images', 2, '--min-area', 1)
    cfg = Config.fromfile(ROOT / 'configs' / 'poet_r50_overfit16_coco.py')
    set_data_root(cfg, str(tmp_path))
    subset = json.loads(Path(cfg.val_evaluator.ann_file).read_text())
    assert len(subset['images']) == 2
    for image in subset['images']:
        people = [ann for ann in subset['annotations']
                  if ann['image_id'] == image['id']]
        assert len(people) >= 2
        assert (tmp_path / 'val2017' / image['file_name']).is_file()
    output = run('make_subset.py', toy, tmp_path, '--images', 99, check=False)
    assert 'only' in output
