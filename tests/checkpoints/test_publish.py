"""What is loaded fits, what is published is plain, what is read is not run."""
import argparse
import copy
import hashlib
import os
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import ROOT
from mmengine.config import Config
from mmengine.logging import HistoryBuffer, MMLogger
from mmengine.optim import OptimWrapper
from mmpose.registry import MODELS
from torch import nn

from poet_mm.apis import POETInferencer
from poet_mm.checkpoints.compare import build_model, compare_blocks, most_alike
from poet_mm.checkpoints.files import read_checkpoint, state_dict_of
from poet_mm.checkpoints.loading import (
    fit_weights,
    read_weights,
    starting_weights,
)
from poet_mm.checkpoints.publish import publish, to_plain, without_private
from poet_mm.engine.hooks.checkpoint_guard import CheckpointGuardHook
from poet_mm.errors import UserError
from poet_mm.utils.config import set_data_root, walk
from poet_mm.utils.files import write_whole


def toy_model(**changes):
    cfg = Config.fromfile(ROOT / 'configs' / 'poet_r18_toy.py')
    cfg.merge_from_dict({f'model.{key}': value
                         for key, value in changes.items()})
    return build_model(cfg)


@pytest.fixture(scope='module')
def toy():
    return toy_model()


# --- what differs, in words


@pytest.mark.parametrize(('changes', 'said'), [
    ({'head.decoder.num_layers': 2},
     'head.decoder.layers has 3 blocks in the checkpoint, 2 in the model'),
    ({'head.decoder.num_layers': 4},
     'head.decoder.layers has 3 blocks in the checkpoint, 4 in the model'),
    ({'backbone.depth': 34},
     'backbone.layer1 has 2 blocks in the checkpoint, 3 in the model'),
    ({'backbone.stem_channels': 16},
     'backbone.conv1.weight is (32, 3, 7, 7) in the checkpoint, '
     '(16, 3, 7, 7) in the model'),
    ({'head.encoder.layer_cfg.ffn_cfg.feedforward_channels': 64},
     'head.encoder.layers.0.ffn.layers.0.0.weight is (512, 128) in the '
     'checkpoint, (64, 128) in the model'),
])
def test_first_block_that_differs(toy, changes, said):
    """By tests, and by trainings that start from the weights."""
    model = toy_model(**changes)
    for load in (fit_weights, starting_weights):
        with pytest.raises(UserError) as error:
            load(model, toy.state_dict(), 'toy.pth')
        assert str(error.value).startswith(
            f'toy.pth does not fit the config: {said}.')
        assert 'It looks like configs/poet_r18_toy.py.' in str(error.value)
        assert len(str(error.value)) < 600  # no wall of names


def test_more_weights_than_the_model_has(toy):
    """All weights of ResNet-18 are in ResNet-34: a training from it would
    start from a part of it, a test would test another network."""
    deeper = toy_model(**{'backbone.depth': 34}).state_dict()
    assert all(deeper[name].shape == value.shape
               for name, value in toy.state_dict().items())
    for load in (fit_weights, starting_weights):
        with pytest.raises(UserError, match=r'backbone\.layer1 has 3 blocks'):
            load(toy, deeper, 'r34.pth')


@pytest.mark.parametrize(('changes', 'setting'), [
    ({'head.num_queries': 12}, 'model.head.num_queries=10'),
    ({'head.num_keypoints': 5}, 'model.head.num_keypoints=17'),
])
def test_one_setting_that_differs(toy, changes, setting):
    """A test says which; a training starts that part afresh and says so."""
    model = toy_model(**changes)
    with pytest.raises(UserError, match=re.escape(f'Set {setting}.')):
        fit_weights(model, toy.state_dict(), 'toy.pth')
    own = copy.deepcopy(model.state_dict())
    values, notes = starting_weights(model, toy.state_dict(), 'toy.pth')
    assert len(notes) == 1
    assert 'starts afresh' in notes[0]
    assert set(values) == set(own)
    for name, value in toy.state_dict().items():
        source = value if value.shape == own[name].shape else own[name]
        assert torch.equal(values[name], source)


def test_same_weights_are_taken_without_a_word(toy):
    prefixed = {f'module.{name}': value
                for name, value in toy.state_dict().items()}
    values, notes = starting_weights(toy_model(), prefixed, 'ddp.pth')
    assert notes == []
    assert all(torch.equal(values[name], value)
               for name, value in toy.state_dict().items())


def test_start_from_a_backbone_of_associative_embedding(toy):
    """As study 2 of the paper does; one line for each part of the head."""
    cfg = Config.fromfile(ROOT / 'configs' / 'ae_r18_s16_toy.py')
    poet = Config.fromfile(ROOT / 'configs' / 'poet_r18_toy.py')
    cfg.model.backbone = poet.model.backbone
    cfg.model.head.in_channels = 128
    theirs = MODELS.build(cfg.model).state_dict()
    values, notes = starting_weights(toy, theirs, 'ae.pth')
    assert all(torch.equal(values[name], value)
               for name, value in theirs.items() if 'backbone' in name)
    said = '\n'.join(notes)
    assert 'head.encoder starts afresh (all)' in said
    assert 'head.final_layer is not used' in said
    assert 'backbone' not in said


def test_fast_poet_starts_from_the_faithful_one(toy):
    fast = toy_model(**{'head.propose': True, 'head.refine': True})
    values, notes = starting_weights(fast, toy.state_dict(), 'toy.pth')
    assert torch.equal(values['head.decoder.layers.2.norms.0.bias'],
                       toy.state_dict()['head.decoder.layers.2.norms.0.bias'])
    assert any('head.query_embedding is not used' in note for note in notes)
    assert any('head.proposals starts afresh' in note for note in notes)


@pytest.mark.parametrize(('name', 'layout'), [
    ('kpt_embed.layers.0.bias', 'poet'),
    ('transformer.encoder.layers.0.norm1.bias', 'detr'),
    ('layer1.0.conv1.weight', 'torchvision'),
])
def test_weights_of_another_program(toy, name, layout):
    weights = {key: torch.ones(1)
               for key in (name, 'input_proj.bias', 'conv1.weight',
                           'layer4.0.conv1.weight')}
    if layout == 'torchvision':
        del weights['input_proj.bias']
    for load in (fit_weights, starting_weights):
        for checkpoint in (weights, dict(model=weights)):
            with pytest.raises(UserError, match='convert it with python '
                               f'tools/convert_checkpoint.py {layout} '):
                load(toy, checkpoint, 'theirs.pth')


def test_weights_of_nothing_known(toy):
    with pytest.raises(UserError, match=r'no weight of the model .*: a, b\)'):
        starting_weights(toy, dict(a=torch.ones(1), b=torch.ones(2)), 'x.pth')


def test_compare_blocks():
    blocks = compare_blocks(
        {'backbone.a': (1, ), 'head.encoder.b': (2, )},
        {'head.encoder.b': (3, ), 'head.new.c': (4, )})
    assert [block.name for block in blocks] == [
        'backbone', 'head.encoder', 'head.new']
    assert [block.describe() for block in blocks] == [
        'backbone is not in the checkpoint',
        'head.encoder.b is (3,) in the checkpoint, (2,) in the model',
        'head.new is not in the model']


@pytest.mark.parametrize('name', ['poet_r101_coco', 'ae_r50_s8_512_coco',
                                  'poet_swin-t_512_coco'])
def test_likely_config_of_our_own(name):
    cfg = Config.fromfile(ROOT / 'configs' / f'{name}.py')
    shapes = {key: tuple(value.shape)
              for key, value in build_model(cfg).state_dict().items()
              if not key.endswith('num_batches_tracked')}
    best, names = most_alike(shapes)
    assert (best, names[0]) == (1.0, f'{name}.py')


# --- the hook


def fake_runner(model, resume=False, training=True):
    wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), 0.1))
    return SimpleNamespace(
        model=model,
        cfg=Config(dict(load_from='start.pth')),
        _resume=resume,
        optim_wrapper=wrapper if training else dict(type='OptimWrapper'),
        logger=MMLogger.get_instance('test_checkpoints'))


@pytest.mark.parametrize(('resume', 'training', 'raises'), [
    (False, True, False), (True, True, True), (False, False, True)])
def test_guard(toy, resume, training, raises):
    """Other queries: fine to start from, wrong to resume or test."""
    model = toy_model(**{'head.num_queries': 12})
    hook, runner = CheckpointGuardHook(), fake_runner(model, resume, training)
    checkpoint = dict(state_dict=toy.state_dict())
    if raises:
        with pytest.raises(UserError, match=r'start\.pth does not fit'):
            hook.after_load_checkpoint(runner, checkpoint)
        return
    hook.after_load_checkpoint(runner, checkpoint)
    model.load_state_dict(checkpoint['state_dict'], strict=True)


def test_resuming_needs_more_than_weights(toy):
    """Those of the best epoch would go on without what AdamW has learned."""
    hook, runner = CheckpointGuardHook(), fake_runner(toy, resume=True)
    whole = dict(
        state_dict=toy.state_dict(), optimizer={}, param_schedulers=[],
        message_hub={}, meta=dict(epoch=1, iter=6))
    hook.after_load_checkpoint(runner, whole)
    for key in ('optimizer', 'param_schedulers', 'message_hub', 'meta'):
        part = {name: x for name, x in whole.items() if name != key}
        said = 'no epoch, iter' if key == 'meta' else f'no {key}, like'
        with pytest.raises(UserError, match=f'Cannot resume.* {said}'):
            hook.after_load_checkpoint(runner, part)
    runner.cfg.default_hooks = dict(checkpoint=dict(save_optimizer=False))
    del whole['optimizer']
    hook.after_load_checkpoint(runner, whole)


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_weights_of_a_training_that_failed(toy, value):
    weights = {name: x.clone() for name, x in toy.state_dict().items()}
    weights['head.input_proj.weight'][0] = value
    for load in (fit_weights, starting_weights):
        with pytest.raises(UserError, match=r'NaN.*1 of \d+ .*input_proj'):
            load(toy, weights, 'x.pth')


def test_saved_checkpoints_tell_versions(toy):
    checkpoint = dict(meta={})
    CheckpointGuardHook().before_save_checkpoint(
        fake_runner(toy), checkpoint)
    versions = checkpoint['meta']['versions']
    assert versions['torch'] == torch.__version__
    assert {'poet_mm', 'mmengine', 'mmcv', 'mmdet', 'mmpose'} < set(versions)


def test_guard_is_in_every_config():
    """Those that name hooks of their own keep it, the others inherit it."""
    for path in (ROOT / 'configs').glob('*.py'):
        text = path.read_text()
        if 'default_hooks' not in text and 'mmpose::' not in text:
            continue
        hooks = Config.fromfile(path).default_hooks
        assert hooks.checkpoint_guard.type == 'CheckpointGuardHook', path


# --- publishing


@pytest.fixture
def training_checkpoint(model_files, tmp_path):
    """As mmengine writes it, with EMA, optimiser and log."""
    config, weights = model_files
    checkpoint = torch.load(weights)
    cfg = Config.fromfile(config)
    cfg.work_dir = '/home/somebody/work_dirs/secret'
    checkpoint['meta'].update(
        cfg=cfg.pretty_text, epoch=3, iter=9, seed=0,
        mmengine_version='0.10.7', hostname='secret')
    checkpoint.update(
        ema_state_dict=dict(steps=torch.ones(1)),
        optimizer=dict(state={0: dict(exp_avg=torch.ones(2 * 10**6))}),
        message_hub=dict(
            log_scalars=dict(loss=HistoryBuffer([1.0], [1])),
            runtime_info=dict(best=np.float64(0.5)),
            resumed_keys={}))
    torch.save(checkpoint, tmp_path / 'epoch_3.pth')
    return str(tmp_path / 'epoch_3.pth')


def test_publish(training_checkpoint, tmp_path):
    """Small, plain, named by its content, the same every time."""
    path = publish(training_checkpoint, str(tmp_path / 'poet.pth'))
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    assert Path(path).name == f'poet-{digest[:8]}.pth'
    assert re.search(r'-([a-f0-9]*)\.', path)[1] == digest[:8]  # torch.hub's
    assert publish(training_checkpoint, str(tmp_path / 'poet.pth')) == path
    published = torch.load(path, weights_only=True)
    assert set(published) == {'state_dict', 'meta'}
    assert {'cfg', 'dataset_meta', 'versions', 'epoch'} < set(
        published['meta'])
    assert 'secret' not in str(published['meta'])
    before = torch.load(training_checkpoint, weights_only=False)
    assert published['state_dict'].keys() == before['state_dict'].keys()
    assert all(torch.equal(published['state_dict'][name], value)
               for name, value in before['state_dict'].items())
    assert os.path.getsize(path) < os.path.getsize(training_checkpoint) / 2


def test_published_is_all_that_an_inferencer_needs(training_checkpoint,
                                                   model_files, tmp_path):
    """Config and skeleton are inside; the same people as before."""
    path = publish(training_checkpoint, str(tmp_path / 'poet'))
    image = np.random.default_rng(0).integers(
        0, 256, (96, 128, 3), dtype=np.uint8)
    people = [
        next(inferencer(image, score_thr=0, return_vis=True,
                        draw=['skeleton', 'visibility']))
        for inferencer in (POETInferencer(None, path, device='cpu'),
                           POETInferencer(*model_files, device='cpu'))
    ]
    assert people[0]['predictions'] == people[1]['predictions']
    np.testing.assert_array_equal(people[0]['visualization'],
                                  people[1]['visualization'])


def test_publish_needs_config_and_metainfo(model_files, tmp_path):
    with pytest.raises(UserError, match=r"has no meta\['cfg'\]"):
        publish(model_files[1], str(tmp_path / 'poet.pth'))
    assert not list(tmp_path.iterdir())


def test_private_parts_of_a_config():
    text = ("a = 1\nload_from = '/home/x'\nlong = dict(\n    work_dir=2)\n"
            "work_dir = (\n    '/home/'\n    'x')\nresume = True\nz = 3\n")
    assert without_private(text) == (
        'a = 1\nlong = dict(\n    work_dir=2)\nz = 3\n')


PATHS = r"""a = '/mnt/é/a.pkl'; b = ['/mnt/x', 'é', '~/c.py', "C:\\me\\d.pth"]
data_root = '/home/me/coco/'
train_dataloader = dict(
    dataset=dict(
        ann_file='/home/me/coco/annotations/a.json',
        data_prefix={'img': '/home/me/coco/train/'},
        data_root='/home/me/coco/'))
val_evaluator = dict(ann_file='/home/me/'
                     'coco/annotations/b.json', of='s3://b/c')
val_dataset = dict(data_root='/home/me/coco', ann_file='b.json')
"""


def test_absolute_paths_of_a_config():
    """They tell who trained; --data-root still finds what lies in it."""
    text = without_private(PATHS)
    assert text == """a = 'a.pkl'; b = ['.', 'é', 'c.py', 'd.pth']
data_root = 'data/'
train_dataloader = dict(
    dataset=dict(
        ann_file='annotations/a.json',
        data_prefix={'img': 'train/'},
        data_root='data/'))
val_evaluator = dict(ann_file='data/annotations/b.json', of='s3://b/c')
val_dataset = dict(data_root='data/', ann_file='b.json')
"""
    assert without_private(text) == text


def test_published_config_finds_its_data(training_checkpoint, tmp_path):
    """As test.py --data-root does."""
    checkpoint = torch.load(training_checkpoint, weights_only=False)
    text = checkpoint['meta']['cfg']
    roots = {node['data_root'] for node in walk(
        Config.fromstring(text, '.py')._cfg_dict.to_dict())
        if node.get('data_root')}
    for root in roots:
        text = text.replace(root, '/home/somebody/secret/')
    checkpoint['meta']['cfg'] = text
    torch.save(checkpoint, training_checkpoint)
    path = publish(training_checkpoint, str(tmp_path / 'poet.pth'))
    published = torch.load(path, weights_only=True)['meta']['cfg']
    assert 'secret' not in published
    (tmp_path / 'coco' / 'annotations').mkdir(parents=True)
    cfg = Config.fromstring(published, '.py')
    set_data_root(cfg, str(tmp_path / 'coco'))
    assert Path(cfg.val_evaluator.ann_file).parent == (
        tmp_path / 'coco' / 'annotations')
    assert len(POETInferencer(None, path, device='cpu').model.state_dict())


@pytest.mark.parametrize(('cfg', 'said'), [
    ('a = (', 'is no Python'), ('a = "\0"', 'is no Python'),
    (dict(a=1), 'is a dict, expected the text'),
])
def test_publish_foreign_configs(training_checkpoint, tmp_path, cfg, said):
    checkpoint = torch.load(training_checkpoint, weights_only=False)
    checkpoint['meta']['cfg'] = cfg
    torch.save(checkpoint, training_checkpoint)
    said = rf"epoch_3\.pth: meta\['cfg'\] {said}"
    with pytest.raises(UserError, match=said):
        publish(training_checkpoint, str(tmp_path / 'poet.pth'))


def test_targets_that_cannot_be(training_checkpoint, tmp_path):
    for folder in (str(tmp_path), f'{tmp_path}/new/', ''):
        with pytest.raises(UserError, match='is a folder: give the name'):
            publish(training_checkpoint, folder)
    with pytest.raises(UserError, match=r'Cannot write .*File ex.*3\.pth\)'):
        publish(training_checkpoint, f'{training_checkpoint}/a.pth')
    assert list(tmp_path.iterdir()) == [Path(training_checkpoint)]


def test_plain_values():
    view = torch.arange(10)[3:5]
    plain = to_plain(dict(
        a=np.ones((2, 1), np.float32), b=np.int64(3), c=(1, [None, True]),
        d=view))
    assert plain['a'] == [[1.0], [1.0]]
    assert type(plain['b']) is int
    assert plain['c'] == (1, [None, True])
    assert plain['d'].untyped_storage().nbytes() == 16  # not all of the ten
    with pytest.raises(UserError, match=r"meta\['x'\]\[0\] is a Namespace"):
        to_plain(dict(x=[argparse.Namespace()]), 'meta')


def test_whole_file_or_none(tmp_path, monkeypatch):
    path = tmp_path / 'new' / 'x.pth'
    write_whole(b'old', str(path))

    def fails(*args):
        raise OSError('disk full')

    monkeypatch.setattr(os, 'replace', fails)
    with pytest.raises(OSError, match='disk full'):
        write_whole(b'new', str(path))
    assert path.read_bytes() == b'old'
    assert list(path.parent.iterdir()) == [path]


# --- reading


class Touch:
    """A pickle that makes a file when it is loaded the usual way."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f'touch {self.path}', )


def test_nothing_in_a_file_is_run(tmp_path):
    """What the authors' programs write is read; what runs code is refused."""
    path, trap = str(tmp_path / 'x.pth'), tmp_path / 'trap'
    checkpoint = dict(
        model=dict(a=nn.Parameter(torch.ones(2).half())),
        args=argparse.Namespace(lr=1),
        log=HistoryBuffer([1.0], [1]))
    torch.save(checkpoint, path)
    read = read_checkpoint(path)
    assert state_dict_of(read, path)['a'].tolist() == [1, 1]
    torch.save(dict(checkpoint, evil=Touch(trap)), path)
    with pytest.raises(UserError, match='holds more than data'):
        read_checkpoint(path)
    assert not trap.exists()


def test_broken_files(tmp_path):
    whole = tmp_path / 'whole.pth'
    torch.save(dict(a=torch.ones(1000)), whole)
    path = tmp_path / 'broken.pth'
    for data in (b'', b'text', whole.read_bytes()[:-500]):
        path.write_bytes(data)
        with pytest.raises(UserError, match=r'annot (be )?read'):
            read_weights(str(path))
    torch.save([1, 2], path)
    with pytest.raises(UserError, match='it holds a list'):
        read_weights(str(path))
    torch.save(dict(epoch=3), path)
    with pytest.raises(UserError, match='holds no weights, only epoch'):
        read_weights(str(path))


@pytest.mark.skipif(not hasattr(torch.serialization, 'get_safe_globals'),
                    reason='this torch loads every class')
def test_training_checkpoints_load_where_torch_is_strict(training_checkpoint):
    checkpoint = torch.load(training_checkpoint, weights_only=True)
    log = checkpoint['message_hub']['log_scalars']['loss']
    assert log.statistics('mean') == 1.0
