"""What the tools share: flags, and advice for a full GPU."""

import argparse
import subprocess
import sys

import pytest
import torch
from helpers import ROOT
from mmengine.config import Config
from tool_runs import CONFIG

from poet_mm import cli
from poet_mm.datasets.coco import BottomupCocoDataset
from poet_mm.errors import OutOfGPUMemory, UserError
from poet_mm.models.losses.oks import KeypointSimilarity
from poet_mm.utils.config import read_config

HAS_BFLOAT16 = 'poet_mm.engine.optim_wrappers.has_bfloat16'


@pytest.mark.parametrize(
    ('gpu', 'bfloat16', 'dtype', 'wrapper'),
    [
        (False, True, 'auto', 'BFloat16OptimWrapper'),
        (False, False, 'bfloat16', 'BFloat16OptimWrapper'),
        (True, True, 'auto', 'BFloat16OptimWrapper'),
        (True, False, 'auto', 'AmpOptimWrapper'),
        (True, True, 'float16', 'AmpOptimWrapper'),
    ],
)
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


def test_tensorboard_is_optional(monkeypatch):
    monkeypatch.setattr(cli, 'find_spec', lambda name: None)
    with pytest.raises(UserError, match='pip install tensorboard'):
        cli.use_tensorboard(Config.fromfile(CONFIG))


@pytest.mark.parametrize(
    ('loader', 'keys'),
    [
        (
            'train',
            [
                '--amp',
                'num_cp=6',
                'efficient_conv_bn_eval',
                'train_dataloader.batch_size below 6',
                'accumulative_counts=2',
            ],
        ),
        ('test', ['test_dataloader.batch_size below 1']),
    ],
)
def test_full_gpu_says_what_needs_less(loader, keys):
    cfg = Config.fromfile(ROOT / 'configs' / 'poet_r50_coco.py')
    with (
        pytest.raises(OutOfGPUMemory) as caught,
        cli.explain_full_gpu(cfg, loader),
    ):
        raise torch.cuda.OutOfMemoryError('Tried to allocate 2 GiB.')
    message = str(caught.value)
    for words in ['Tried to allocate 2 GiB.', 'max_size of Short', *keys]:
        assert words in message
    assert ('--amp' in message) == (loader == 'train')


def test_full_gpu_without_encoder():
    cfg = Config.fromfile(ROOT / 'configs' / 'ae_r50_s4_512_coco.py')
    assert 'encoder' not in ' '.join(cli.needs_less(cfg, 'train'))


def test_a_tool_that_ends_early_leaves_nothing_half_imported():
    """The next import in that process, of an interpreter say, registers."""
    code = """
import contextlib, runpy, sys
sys.argv = ['train.py', '--help']
with contextlib.suppress(SystemExit):
    runpy.run_path('tools/train.py', run_name='__main__')
import poet_mm
from mmpose.registry import MODELS
assert MODELS.get('POETHead') is not None
"""
    subprocess.run(
        [sys.executable, '-c', code],
        check=True,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )


def test_metainfo_that_is_not_there():
    with pytest.raises(UserError, match=r'none\.py'):
        BottomupCocoDataset(metainfo=dict(from_file='none.py'))
    with pytest.raises(UserError, match=r'none\.py'):
        KeypointSimilarity(dict(from_file='none.py'))


def test_mistake_in_a_config(tmp_path):
    path = tmp_path / 'bad.py'
    path.write_text('a = 1\nb = undefined\n')
    with pytest.raises(UserError, match=r'NameError.*bad\.py, line 2\)'):
        read_config(str(path))


def test_every_default_is_said_once():
    parser = argparse.ArgumentParser(formatter_class=cli.HelpFormatter)
    parser.add_argument('--a', action='store_true', help='A')
    parser.add_argument('--b', action='store_true', help='B (default: off)')
    parser.add_argument('--c', default=[1, 2], help='C')
    text = parser.format_help()
    assert text.count('(default: off)') == 2
    assert text.count('default:') == 3
    assert 'C (default: 1 2)' in text
