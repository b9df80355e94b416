"""The command-line tools, as a user runs them, on toy people."""
import json
import os
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch
import train
from make_toy_coco import make_toy_coco
from mmengine.config import Config

from poet_mm import cli
from poet_mm.errors import UserError
from poet_mm.utils.config import set_data_root
from poet_mm.utils.logs import read_scalars

ROOT = Path(__file__).parent.parent
HAS_BFLOAT16 = 'poet_mm.engine.optim_wrappers.has_bfloat16'
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
        text=True,
        env=dict(os.environ, PYTHONFAULTHANDLER='1'))  # says where it crashed
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
        '--work-dir', tmp_path, '--out', out, '--show-dir', 'drawn',
        '--dump', tmp_path / 'predictions.pkl', *TINY[:4])
    assert (tmp_path / 'predictions.pkl').is_file()
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


def test_start_from_a_checkpoint(trained, toy, tmp_path):
    """Of another skeleton or number of queries: what starts afresh gets a
    line. Of another architecture: one sentence, and nothing is trained."""
    start = ['--cfg-options', f'load_from={trained / "epoch_2.pth"}']
    args = ['train.py', CONFIG, '--data-root', toy, '--work-dir', tmp_path]
    output = run(*args, *start, *TINY[1:], 'model.head.num_queries=12',
                 'train_cfg.max_epochs=1')
    assert 'head.query_embedding starts afresh' in output
    assert 'do not match exactly' not in output  # mmengine's wall of names
    output = run(*args, *start, *TINY[1:], 'model.head.decoder.num_layers=2',
                 check=False)
    assert ('head.decoder.layers has 3 blocks in the checkpoint, 2 in the '
            'model') in output
    assert 'backbone.init_cfg.prefix=backbone.' in output
    assert 'Traceback' not in output


def test_publish_what_was_trained(trained, toy, tmp_path):
    """Plain values, with config and versions, from mmengine's own file."""
    output = run('publish_model.py', trained / 'epoch_2.pth',
                 tmp_path / 'poet.pth')
    path, = tmp_path.glob('poet-????????.pth')
    assert str(path) in output
    meta = torch.load(path, weights_only=True)['meta']
    assert meta['versions']['torch'] == torch.__version__
    assert 'base_channels=8' in meta['cfg']
    assert str(trained) not in meta['cfg']
    output = run('test.py', ROOT / 'configs' / 'poet_r18_s32_toy.py', path,
                 '--data-root', toy, '--work-dir', tmp_path, check=False)
    assert f'{path} does not fit the config: backbone' in output
    assert 'Traceback' not in output


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


def test_annotations_elsewhere(toy):
    cfg = Config.fromfile(CONFIG)
    cfg.test_evaluator.ann_file = './' + cfg.test_evaluator.ann_file
    set_data_root(cfg, str(toy))
    assert Path(cfg.test_evaluator.ann_file).is_file()
    cfg = Config.fromfile(CONFIG)
    cfg.test_evaluator.ann_file = '/other/annotations.json'
    with pytest.raises(UserError, match=r'/other/annotations\.json'):
        set_data_root(cfg, str(toy))


def test_missing_weights_say_what_to_do(toy, tmp_path):
    output = run('train.py', ROOT / 'configs' / 'poet_r50_512_coco.py',
                 '--data-root', toy, '--work-dir', tmp_path, '--cfg-options',
                 'model.backbone.init_cfg.checkpoint=none.pth', check=False)
    assert 'init_cfg.checkpoint=FILE' in output
    assert 'init_cfg=None' in output
    assert 'Traceback' not in output


def test_flags_of_training(trained):
    checkpoint = str(trained / 'epoch_2.pth')
    flags = dict(
        no_validate=True,
        amp=None,
        tensorboard=True,
        resume=checkpoint,
        auto_scale_lr=True,
        cfg_options={'train_cfg.max_epochs': 3})
    cfg = train.merge_args(Config.fromfile(CONFIG), Namespace(**flags))
    assert cfg.val_dataloader is None
    assert (cfg.resume, cfg.load_from) == (True, checkpoint)
    assert cfg.auto_scale_lr.enable
    assert [node['type'] for node in cfg.visualizer.vis_backends] == [
        'LocalVisBackend', 'TensorboardVisBackend'
    ]
    assert cfg.train_cfg.max_epochs == 3
    flags['resume'] = 'auto'
    cfg = train.merge_args(Config.fromfile(CONFIG), Namespace(**flags))
    assert (cfg.resume, cfg.load_from) == (True, None)


@pytest.mark.parametrize(('script', 'args', 'expected'), [
    ('dist_train.sh', 'C.py 2 --amp',
     '--nproc_per_node=2 TOOLS/train.py C.py --launcher pytorch --amp'),
    ('dist_test.sh', 'C.py X.pth 2 --out m.json',
     '--nproc_per_node=2 TOOLS/test.py C.py X.pth --launcher pytorch '
     '--out m.json'),
    ('slurm_train.sh', 'part job C.py work --amp',
     'TOOLS/train.py C.py --work-dir work --launcher slurm --amp'),
])
def test_launch_scripts(script, args, expected, tmp_path):
    """What they would run, and how they are used."""
    for name in ('srun', 'python'):
        (tmp_path / name).write_text('#!/bin/sh\necho "$@"\n')
        (tmp_path / name).chmod(0o755)
    env = dict(os.environ, PATH=f'{tmp_path}:{os.environ["PATH"]}')
    env.pop('PYTHON', None)
    path = ROOT / 'tools' / script
    result = subprocess.run(['bash', path, *args.split()],
                            capture_output=True, text=True, env=env)
    assert expected.replace('TOOLS', str(ROOT / 'tools')) in result.stdout
    result = subprocess.run(['bash', path], capture_output=True, text=True)
    assert result.returncode == 2
    assert f'usage: bash tools/{script}' in result.stderr


@pytest.mark.parametrize(('changes', 'said'), [
    (dict(config='none.py'), r'There is no config none\.py'),
    (dict(launcher='pytorch'), 'needs a GPU for every process'),
    (dict(resume='none.pth'), r'no checkpoint none\.pth to resume'),
])
def test_mistakes_get_a_sentence(changes, said, monkeypatch):
    monkeypatch.setattr('torch.cuda.is_available', lambda: False)
    monkeypatch.setattr('sys.argv', ['train.py', str(CONFIG)])
    args = train.parse_args()
    vars(args).update(changes)
    with pytest.raises(UserError, match=said):
        train.merge_args(train.load_config(args), args)


def test_missing_checkpoint():
    output = run('test.py', CONFIG, 'none.pth', check=False)
    assert 'There is no checkpoint none.pth' in output
    assert 'Traceback' not in output


@pytest.mark.parametrize(('gpu', 'bfloat16', 'dtype', 'wrapper'), [
    (False, True, 'auto', 'BFloat16OptimWrapper'),
    (False, False, 'bfloat16', 'BFloat16OptimWrapper'),
    (True, True, 'auto', 'BFloat16OptimWrapper'),
    (True, False, 'auto', 'AmpOptimWrapper'),
    (True, True, 'float16', 'AmpOptimWrapper'),
])
def test_amp(monkeypatch, gpu, bfloat16, dtype, wrapper):
    monkeypatch.setattr('torch.cuda.is_available', lambda: gpu)
    monkeypatch.setattr(HAS_BFLOAT16, lambda device: bfloat16)
    cfg = Config.fromfile(CONFIG)
    cli.use_amp(cfg, dtype)
    assert cfg.optim_wrapper.type == wrapper
    assert cfg.optim_wrapper.clip_grad.max_norm == 1.0


def test_amp_says_what_it_cannot_do(monkeypatch):
    monkeypatch.setattr('torch.cuda.is_available', lambda: False)
    monkeypatch.setattr(HAS_BFLOAT16, lambda device: False)
    cfg = Config.fromfile(CONFIG)
    with pytest.raises(UserError, match='this CPU emulates bfloat16'):
        cli.use_amp(cfg, 'auto')
    monkeypatch.setattr(HAS_BFLOAT16, lambda device: True)
    with pytest.raises(UserError, match=r'--amp float16 needs a GPU'):
        cli.use_amp(cfg, 'float16')
    cfg.optim_wrapper.type = 'OtherWrapper'
    with pytest.raises(UserError, match='OtherWrapper'):
        cli.use_amp(cfg, 'auto')


def test_quickstart_report(trained):
    """The table and the two pictures, from what training left behind."""
    unseen = trained / 'unseen.json'
    last = [record for record in scalars(trained) if 'coco/AP' in record][-1]
    unseen.write_text(json.dumps(last))
    output = run('quickstart_report.py', trained / CONFIG.name, trained,
                 unseen)
    assert '| fast POET, trained now ' in output
    assert '| faithful POET, same training (docs/fast_toy) |' in output
    assert 'NOT reached' in output
    for name in ('predictions.png', 'curves.png'):
        assert (trained / name).stat().st_size > 10000


def test_curves_need_a_log(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'No scalars\.json'):
        read_scalars(str(tmp_path))
    folder = tmp_path / 'run' / 'vis_data'
    folder.mkdir(parents=True)
    half = '{"loss": 1.0, "step": 1}\n{"loss": 0.5, "st'
    (folder / 'scalars.json').write_text(half)
    assert read_scalars(str(tmp_path)) == [dict(loss=1.0, step=1)]


def test_make_subset(toy, tmp_path):
    tmp_path = tmp_path / 'subset'
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
    other = tmp_path.parent / 'other'
    for args, said in (((toy, tmp_path), 'already holds a data set'),
                       ((other, tmp_path), 'there is no'),
                       ((toy, other, '--images', 99), 'only')):
        output = run('make_subset.py', *args, check=False)
        assert said in output
        assert not other.exists()
