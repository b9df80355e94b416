"""The hook refuses checkpoints that do not fit."""

from types import SimpleNamespace

import pytest
import torch
from helpers import ROOT, toy_model
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.optim import OptimWrapper

from poet_mm.engine.hooks.checkpoint_guard import CheckpointGuardHook
from poet_mm.errors import UserError


@pytest.fixture(scope='module')
def toy():
    return toy_model()


def fake_runner(model, resume=False, training=True):
    wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), 0.1))
    return SimpleNamespace(
        model=model,
        cfg=Config(dict(load_from='start.pth', resume=resume)),
        optim_wrapper=wrapper if training else dict(type='OptimWrapper'),
        logger=MMLogger.get_instance('test_checkpoints'),
    )


@pytest.mark.parametrize(
    ('resume', 'training', 'raises'),
    [(False, True, False), (True, True, True), (False, False, True)],
)
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
        state_dict=toy.state_dict(),
        optimizer={},
        param_schedulers=[],
        message_hub={},
        meta=dict(epoch=1, iter=6),
    )
    hook.after_load_checkpoint(runner, whole)
    for key in ('optimizer', 'param_schedulers', 'message_hub', 'meta'):
        part = {name: x for name, x in whole.items() if name != key}
        names = 'epoch, iter' if key == 'meta' else key
        with pytest.raises(UserError, match=f'start.pth.* {names}'):
            hook.after_load_checkpoint(runner, part)
    runner.cfg.default_hooks = dict(checkpoint=dict(save_optimizer=False))
    del whole['optimizer']
    hook.after_load_checkpoint(runner, whole)


def test_saved_checkpoints_tell_versions(toy):
    checkpoint = dict(meta={})
    CheckpointGuardHook().before_save_checkpoint(fake_runner(toy), checkpoint)
    versions = checkpoint['meta']['versions']
    assert versions['torch'] == torch.__version__
    assert {'poet_mm', 'mmengine', 'mmcv', 'mmdet', 'mmpose'} < set(versions)


@pytest.mark.slow
def test_guard_is_in_every_config():
    for path in (ROOT / 'configs').glob('*.py'):
        hooks = Config.fromfile(path).default_hooks
        assert hooks.checkpoint_guard.type == 'CheckpointGuardHook', path
