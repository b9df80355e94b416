"""Options and checks that the tools share."""

import argparse

import pytest
import torch
from mmengine.config import Config
from tool_runs import CONFIG

from poet_mm import cli
from poet_mm.datasets.coco import BottomupCocoDataset
from poet_mm.errors import UserError
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
    cfg.optim_wrapper.loss_scale = 512.0
    cli.use_amp(cfg, dtype)
    takes_scale = wrapper == 'AmpOptimWrapper'
    assert ('loss_scale' in cfg.optim_wrapper) == takes_scale
    assert cfg.optim_wrapper.type == wrapper
    assert cfg.optim_wrapper.clip_grad.max_norm == 1.0


def test_amp_says_what_it_cannot_do(monkeypatch):
    monkeypatch.setattr('torch.cuda.is_available', lambda: False)
    monkeypatch.setattr(HAS_BFLOAT16, lambda device: False)
    cfg = Config.fromfile(CONFIG)
    for dtype in ('auto', 'float16'):
        with pytest.raises(UserError, match='--amp float16'):
            cli.use_amp(cfg, dtype)
    cfg.optim_wrapper.type = 'OtherWrapper'
    with pytest.raises(UserError, match='OtherWrapper'):
        cli.use_amp(cfg, 'auto')


def test_tensorboard_is_optional(monkeypatch):
    monkeypatch.setattr(cli, 'find_spec', lambda name: None)
    with pytest.raises(UserError, match='pip install tensorboard'):
        cli.use_tensorboard(Config.fromfile(CONFIG))


def test_full_gpu_says_what_needs_less(capsys):
    def run_out():
        raise torch.cuda.OutOfMemoryError('Tried to allocate 2 GiB.')

    assert cli.run(run_out, code=1) == 1
    printed = capsys.readouterr().err
    assert 'batch_size' in printed
    assert '2 GiB' in printed


def test_other_errors_are_raised():
    def fail():
        raise RuntimeError('2 GiB')

    with pytest.raises(RuntimeError, match='2 GiB'):
        cli.run(fail, code=1)


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


@pytest.mark.parametrize('gpu', [False, True])
def test_freed_memory_is_kept_without_gpu(monkeypatch, gpu):
    calls = []
    monkeypatch.setattr('torch.cuda.is_available', lambda: gpu)
    monkeypatch.setattr(cli, 'keep_freed_memory', lambda: calls.append(1))
    cli.start(argparse.Namespace())
    assert len(calls) == (not gpu)
