"""tools/train.py, as a user runs it, on synthetic people."""

import json
import os.path as osp
import re
import shutil
from argparse import Namespace

import numpy as np
import pytest
import train
from helpers import ROOT
from make_toy_coco import make_toy_coco
from mmengine.config import Config
from tool_runs import CONFIG, TINY, losses, run, scalars

from poet_mm import cli
from poet_mm.errors import UserError
from poet_mm.utils.config import COCO


@pytest.mark.slow
def test_train_logs_every_layer_and_validates(trained):
    records = scalars(trained)
    terms = {'cls', 'keypoints', 'visibility', 'centers'}
    expected = {
        f'{layer}loss_{term}' for layer in ('', 'd0.', 'd1.') for term in terms
    }
    assert expected <= set(records[0])
    assert sum('coco/AP' in record for record in records) == 2
    assert (trained / 'epoch_2.pth').is_file()


@pytest.mark.slow
def test_same_seed_same_run_and_resume(trained, toy, tmp_path):
    """Stopped after the first of two epochs and resumed: the same losses."""
    args = ['train.py', CONFIG, '--data-root', toy, '--work-dir', tmp_path]
    first = [option for option in TINY if 'max_epochs' not in option]
    run(*args, *first, 'train_cfg.max_epochs=1')
    resumed = tmp_path / 'first'
    (once,) = tmp_path.glob('2*')
    once.rename(resumed)
    expected = losses(trained)
    assert losses(tmp_path) == expected[: len(expected) // 2]
    run(*args, '--resume', *TINY)
    resumed.rename(tmp_path.parent / 'moved')
    assert losses(tmp_path) == pytest.approx(
        expected[len(expected) // 2 :], rel=1e-5
    )


@pytest.mark.slow
def test_start_from_a_checkpoint(trained, toy, tmp_path):
    """Of another number of queries: one line says what is not loaded."""
    args = ['train.py', CONFIG, '--data-root', toy, '--work-dir', tmp_path]
    output = run(
        *args,
        *TINY,
        'model.head.num_queries=12',
        'train_cfg.max_epochs=1',
        f'load_from={trained / "epoch_2.pth"}',
    )
    assert 'head.query_embedding keeps' in output
    assert 'do not match exactly' not in output  # mmengine's list of names


@pytest.mark.slow
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
        pose2d=cfg, pose2d_weights=checkpoint, device='cpu'
    )
    people = next(inferencer(image))['predictions'][0]
    assert len(people) == len(found.keypoints) == 10
    got = np.array([person['keypoints'] for person in people])
    np.testing.assert_allclose(got, found.keypoints, rtol=1e-4)


def test_missing_weights_say_what_to_do():
    cfg = Config.fromfile(ROOT / 'configs' / 'poet_r50_512_coco.py')
    cfg.model.backbone.init_cfg.checkpoint = 'none.pth'
    with pytest.raises(UserError, match=r'none\.pth.*init_cfg=None'):
        cli.check_pretrained(cfg)


def test_flags_of_training(monkeypatch):
    monkeypatch.setattr(cli, 'find_spec', lambda name: True)
    flags = dict(
        no_validate=True,
        amp=None,
        tensorboard=True,
        resume='epoch_2.pth',
        auto_scale_lr=True,
        cfg_options={'train_cfg.max_epochs': 3},
    )
    cfg = train.merge_args(Config.fromfile(CONFIG), Namespace(**flags))
    assert cfg.val_dataloader is None
    assert (cfg.resume, cfg.load_from) == (True, 'epoch_2.pth')
    assert cfg.auto_scale_lr.enable
    assert [node['type'] for node in cfg.visualizer.vis_backends] == [
        'LocalVisBackend',
        'TensorboardVisBackend',
    ]
    assert cfg.train_cfg.max_epochs == 3
    flags['resume'] = 'auto'
    cfg = train.merge_args(Config.fromfile(CONFIG), Namespace(**flags))
    assert (cfg.resume, cfg.load_from) == (True, None)


def test_config_by_its_name(monkeypatch):
    monkeypatch.setattr('sys.argv', ['train.py', 'poet_r18_toy'])
    cfg = cli.load_config(train.parse_args())
    assert cfg.work_dir == osp.join('work_dirs', 'poet_r18_toy')
    monkeypatch.setattr('sys.argv', ['train.py', 'poet_r18'])
    with pytest.raises(UserError, match='Did you mean'):
        train.parse_args()


@pytest.mark.parametrize(
    ('flag', 'text', 'needed'),
    [
        ('--auto-scale-lr', 'auto_scale_lr = None', 'base_batch_size'),
        ('--show', 'default_hooks = dict(visualization=None)', 'visualiz'),
    ],
)
def test_flag_that_needs_a_key(flag, text, needed, monkeypatch, tmp_path):
    path = tmp_path / 'without.py'
    path.write_text(f'_base_ = {str(CONFIG)!r}\n{text}\n')
    monkeypatch.setattr('sys.argv', ['train.py', str(path), flag])
    args = train.parse_args()
    with pytest.raises(UserError, match=needed):
        train.merge_args(cli.load_config(args), args)


def test_missing_checkpoint_to_resume(monkeypatch):
    argv = ['train.py', str(CONFIG), '--resume', 'none.pth']
    monkeypatch.setattr('sys.argv', argv)
    with pytest.raises(UserError, match=r'none\.pth to resume'):
        train.parse_args()


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(config='none.py'), r'none\.py is neither a config file'),
        (dict(launcher='slurm'), '--launcher slurm needs a GPU'),
        (dict(data_root='none'), 'none does not exist'),
        (dict(data_root='.'), r'\. has no folder annotations'),
        (dict(metainfo=str(CONFIG)), 'has no dataset_info'),
    ],
)
def test_mistakes_get_a_sentence(changes, message, monkeypatch):
    monkeypatch.setattr('torch.cuda.is_available', lambda: False)
    monkeypatch.setattr('sys.argv', ['train.py', str(CONFIG)])
    args = train.parse_args()
    vars(args).update(changes)
    with pytest.raises(UserError, match=message):
        train.merge_args(cli.load_config(args), args)


def load(monkeypatch, *args):
    """The config that training gets from these arguments."""
    argv = ['train.py', 'poet_fast_r18_toy', *map(str, args)]
    monkeypatch.setattr('sys.argv', argv)
    return cli.load_config(train.parse_args())


def test_skeleton_of_a_coco_folder(monkeypatch, toy, tmp_path):
    """The config's, that of the annotations, or that of --metainfo."""
    work = ('--work-dir', tmp_path / 'work')
    cfg = load(monkeypatch, '--data-root', toy, *work)
    assert cfg.model.head.num_keypoints == 17
    assert cfg.metainfo == COCO
    assert not (tmp_path / 'work').exists()
    make_toy_coco(tmp_path / 'toy', 2, 2, 64, 0, ('nose', 'left_hip'))
    args = ('--data-root', tmp_path / 'toy', *work)
    cfg = load(monkeypatch, *args)
    assert cfg.model.head.num_keypoints == 2
    for name in ('train', 'val', 'test'):
        data = cfg[f'{name}_dataloader'].dataset
        assert data.data_root == str(tmp_path / 'toy')
        assert data.metainfo.sigmas == [0.05] * 2
    other = ROOT / 'configs' / '_base_' / 'datasets' / 'toy_five.py'
    cfg = load(monkeypatch, *args, '--metainfo', other)
    assert cfg.model.head.num_keypoints == 5
    assert cfg.model.head.loss.metainfo.sigmas[0] == 0.026


def as_roboflow(toy, folder, names, links):
    """The toy data in Roboflow's layout, with other names and ids."""
    for split, name in (('train', 'train'), ('val', 'valid')):
        source = toy / f'annotations/person_keypoints_{split}2017.json'
        content = json.loads(source.read_text())
        first = 3 * len(names)
        for person in content['annotations']:
            person['keypoints'] = person['keypoints'][:first]
            person['category_id'] = 4
            del person['num_keypoints']
        content['categories'] = [
            dict(id=0, name='all', supercategory='none'),
            dict(id=4, name='mouse', keypoints=names, skeleton=links),
        ]
        shutil.copytree(toy / f'{split}2017', folder / name)
        ann_file = folder / name / '_annotations.coco.json'
        ann_file.write_text(json.dumps(content))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ('names', 'links'),
    [(['nose', 'eye_l', 'eye_r', 'ear_l', 'ear_r'], [[1, 2]]), (['nose'], [])],
)
def test_roboflow_trains_without_a_written_file(toy, tmp_path, names, links):
    """Any K, also 1: trained, edited, resumed, tested, used on a photo."""
    K, work_dir = len(names), tmp_path / 'work'
    data = as_roboflow(toy, tmp_path / 'data', names, links)
    args = ['train.py', 'poet_fast_r18_toy', '--data-root', data]
    args += ['--work-dir', work_dir]
    tiny = [
        *TINY,
        'model.head.detail.in_channels=[8,16,32]',
        'train_cfg.max_epochs=1',
    ]
    output = run(*args, *tiny)
    assert f'{work_dir}/metainfo.py' in output
    metainfo = work_dir / 'metainfo.py'
    edited = metainfo.read_text().replace('0.05', '0.07')
    metainfo.write_text(edited)
    run(*args, '--resume', *tiny, 'train_cfg.max_epochs=2')
    assert metainfo.read_text() == edited
    config = work_dir / 'poet_fast_r18_toy.py'
    loss = Config.fromfile(config).model.head.loss
    assert loss.metainfo.sigmas == [0.07] * K
    checkpoint = work_dir / 'epoch_2.pth'
    output = run('test.py', config, checkpoint)
    assert float(re.search(r'coco/AP: (-?[\d.]+)', output)[1]) >= 0
    photo = next((data / 'valid').glob('*.png'))
    out = tmp_path / 'out'
    run('infer.py', photo, '--weights', checkpoint, '--out', out)
    assert [*(out / 'pictures').iterdir()]
