"""What is published is plain, and all that an inferencer needs."""

import argparse
import hashlib
import os
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from random_release import assert_equal

from poet_mm.apis import POETInferencer
from poet_mm.checkpoints.publish import (
    publish,
    round_to_half,
    to_plain,
    without_private,
)
from poet_mm.checkpoints.safe_config import read_plain
from poet_mm.errors import UserError
from poet_mm.utils.config import set_data_root, walk


def test_publish(training_checkpoint, tmp_path):
    """Small, plain, named by its content, the same every time."""
    path = publish(training_checkpoint, str(tmp_path / 'poet.pth'))
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    assert Path(path).name == f'poet-{digest[:8]}.pth'
    assert re.search(r'-([a-f0-9]*)\.', path)[1] == digest[:8]  # torch.hub's
    assert publish(training_checkpoint, str(tmp_path / 'poet.pth')) == path
    published = torch.load(path, weights_only=True)
    assert set(published) == {'state_dict', 'meta'}
    assert {'cfg', 'dataset_meta', 'epoch'} < set(published['meta'])
    assert 'versions' not in published['meta']  # those of training, if known
    assert 'secret' not in str(published['meta'])
    before = torch.load(training_checkpoint, weights_only=False)
    assert_equal(published['state_dict'], before['state_dict'])
    assert os.path.getsize(path) < os.path.getsize(training_checkpoint) / 2


def test_visibility_temperature(training_checkpoint, tmp_path):
    """A plain number, which publishing again keeps."""
    target = str(tmp_path / 'poet.pth')
    path = publish(
        training_checkpoint, target, visibility_temperature=np.float64(1.5)
    )
    for name in (path, publish(path, target)):
        meta = torch.load(name, weights_only=True)['meta']
        assert type(meta['visibility_temperature']) is float
        assert meta['visibility_temperature'] == 1.5
    for wrong in (0, -1, float('nan'), float('inf')):
        with pytest.raises(UserError, match='above 0 and finite'):
            publish(training_checkpoint, target, visibility_temperature=wrong)


def test_score_thr(training_checkpoint, tmp_path):
    """A plain number, which publishing again keeps."""
    target = str(tmp_path / 'poet.pth')
    path = publish(training_checkpoint, target, score_thr=np.float64(0.25))
    for name in (path, publish(path, target)):
        meta = torch.load(name, weights_only=True)['meta']
        assert type(meta['score_thr']) is float
        assert meta['score_thr'] == 0.25
    for wrong in (-0.1, 1.1, float('nan')):
        with pytest.raises(UserError, match=r'must be in \[0, 1\]'):
            publish(training_checkpoint, target, score_thr=wrong)


def test_half(training_checkpoint, tmp_path):
    """Half the size; a model loads it, rounded; no weight overflows."""
    path = publish(training_checkpoint, str(tmp_path / 'a.pth'), half=True)
    full = publish(training_checkpoint, str(tmp_path / 'b.pth'))
    before, after = (
        torch.load(name, weights_only=True)['state_dict']
        for name in (full, path)
    )
    head = POETInferencer(None, path, device='cpu').model.head
    for name, value in head.state_dict(prefix='head.').items():
        if value.is_floating_point():
            assert after[name].dtype == torch.half
            assert value.dtype == torch.float
            torch.testing.assert_close(
                value, before[name], rtol=6e-4, atol=1e-7
            )
    assert os.path.getsize(path) < 0.6 * os.path.getsize(full)
    with pytest.raises(
        UserError, match=r'a\.b has 7e.04, more than the 65504'
    ):
        round_to_half({'a.b': torch.tensor([-7e4, 1])})


def test_published_is_all_that_an_inferencer_needs(
    training_checkpoint, model_files, tmp_path
):
    """Config and skeleton are inside; the same people as before."""
    path = publish(training_checkpoint, str(tmp_path / 'poet'))
    image = np.random.default_rng(0).integers(
        0, 256, (96, 128, 3), dtype=np.uint8
    )
    published, trained = (
        next(
            POETInferencer(*files, device='cpu')(
                image, score_thr=0, return_vis=True, draw=['skeleton']
            )
        )
        for files in ((None, path), model_files)
    )
    assert published['predictions'] == trained['predictions']
    np.testing.assert_array_equal(
        published['visualization'], trained['visualization']
    )


def test_publish_needs_config_and_metainfo(model_files, tmp_path):
    with pytest.raises(UserError, match=r"has no meta\['cfg'\]"):
        publish(model_files[1], str(tmp_path / 'poet.pth'))
    assert not list(tmp_path.iterdir())


CONFIG = r"""load_from = '/home/x'
work_dir = (
    '/home/'
    'x')
resume = True
a = '/mnt/é/a.pkl'; b = ['/mnt/x', 'é', '~/c.py', "C:\\me\\d.pth"]
data_root = '/home/me/coco/'
train_dataloader = dict(
    dataset=dict(
        ann_file='/home/me/coco/annotations/a.json',
        data_prefix={'img': '/home/me/coco/train/'},
        data_root='/home/me/coco/'))
val_evaluator = dict(ann_file='/home/me/'
                     'coco/annotations/b.json', of='s3://b/c')
backend_args = dict(path_mapping={'/home/me/coco/': 's3://b/'})
val_dataset = dict(data_root='/home/me/coco', ann_file='b.json')
numbers = (-1, -.5, 1e-4, None, True, dict(work_dir=2))
"""


def test_absolute_paths_of_a_config():
    """They show who trained; --data-root still finds what lies in it."""
    text = without_private(CONFIG)
    assert read_plain(text) == dict(
        a='a.pkl',
        b=['.', 'é', 'c.py', 'd.pth'],
        data_root='data/',
        train_dataloader=dict(
            dataset=dict(
                ann_file='annotations/a.json',
                data_prefix=dict(img='train/'),
                data_root='data/',
            )
        ),
        val_evaluator=dict(ann_file='data/annotations/b.json', of='s3://b/c'),
        backend_args=dict(path_mapping={'data/': 's3://b/'}),
        val_dataset=dict(data_root='data/', ann_file='b.json'),
        numbers=(-1, -0.5, 1e-4, None, True, dict(work_dir=2)),
    )
    assert without_private(text) == text


def test_published_config_finds_its_data(training_checkpoint, tmp_path):
    """As test.py --data-root does."""
    checkpoint = torch.load(training_checkpoint, weights_only=False)
    text = checkpoint['meta']['cfg']
    for node in walk(read_plain(text)):
        root = node.get('data_root') or '/home/somebody/secret/'
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
        tmp_path / 'coco' / 'annotations'
    )


@pytest.mark.parametrize(
    ('cfg', 'said'),
    [
        ('a = "\0"', 'is not valid'),
        ('a = open("made", "w")', 'calls open'),
        (dict(a=1), 'is a dict'),
    ],
)
def test_publish_foreign_configs(training_checkpoint, tmp_path, cfg, said):
    checkpoint = torch.load(training_checkpoint, weights_only=False)
    checkpoint['meta']['cfg'] = cfg
    torch.save(checkpoint, training_checkpoint)
    said = rf"epoch_3\.pth: meta\['cfg'\] {said}"
    with pytest.raises(UserError, match=said):
        publish(training_checkpoint, str(tmp_path / 'poet.pth'))


def test_targets_that_cannot_be(training_checkpoint, tmp_path):
    for folder in (str(tmp_path), f'{tmp_path}/new/', ''):
        with pytest.raises(UserError, match='is a folder'):
            publish(training_checkpoint, folder)
    with pytest.raises(UserError, match=r'3\.pth/a-.*exists.*3\.pth'):
        publish(training_checkpoint, f'{training_checkpoint}/a.pth')
    assert list(tmp_path.iterdir()) == [Path(training_checkpoint)]


def test_plain_values():
    view = torch.arange(10)[3:5]
    plain = to_plain(
        dict(
            a=np.ones((2, 1), np.float32),
            b=np.int64(3),
            c=(1, [None, True]),
            d=view,
        )
    )
    assert plain['a'] == [[1.0], [1.0]]
    assert type(plain['b']) is int
    assert plain['c'] == (1, [None, True])
    assert plain['d'].untyped_storage().nbytes() == 16  # not all of the ten
    with pytest.raises(UserError, match=r"meta\['x'\]\[0\] is a Namespace"):
        to_plain(dict(x=[argparse.Namespace()]), 'meta')
