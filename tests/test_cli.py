"""What the tools share: mixed precision and TensorBoard by a flag."""

import pytest
from mmengine.config import Config
from tool_runs import CONFIG

from poet_mm import cli
from poet_mm.errors import UserError

HAS_BFLOAT16 = 'poet_mm.engine.optim_wrappers.has_bfloat16'


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


def test_tensorboard_is_optional(monkeypatch):
    monkeypatch.setattr(cli, 'find_spec', lambda name: None)
    with pytest.raises(UserError, match='pip install tensorboard'):
        cli.use_tensorboard(Config.fromfile(CONFIG))
