"""A checkpoint is written whole or not at all."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from mmengine.logging import MessageHub, MMLogger

from poet_mm.engine.hooks.checkpoint import AtomicBackend, AtomicCheckpointHook


def test_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    path = str(tmp_path / 'file')
    AtomicBackend().put(b'old', path)

    def full(_):
        raise OSError('No space left on device')

    monkeypatch.setattr('os.fsync', full)
    with pytest.raises(OSError, match='No space'):
        AtomicBackend().put(b'new', path)
    assert Path(path).read_bytes() == b'old'


def test_own_backend_is_kept():
    mine = dict(backend='petrel')
    assert AtomicCheckpointHook(backend_args=mine).backend_args == mine
    assert AtomicCheckpointHook(out_dir='s3://x').backend_args is None
    assert AtomicCheckpointHook().backend_args == dict(backend='atomic')


def test_older_files_are_removed_last(tmp_path):
    """Also the best one, and not the new best one of the same name."""
    there = []

    def save_checkpoint(out_dir, filename, *args, **kwargs):
        there.append({path.name for path in tmp_path.glob('*.pth')})
        AtomicBackend().put(b'', str(tmp_path / filename))

    runner = SimpleNamespace(
        work_dir=str(tmp_path),
        epoch=0,
        iter=0,
        message_hub=MessageHub('test_checkpoint'),
        logger=MMLogger.get_instance('test_checkpoint'),
        save_checkpoint=save_checkpoint,
    )
    hook = AtomicCheckpointHook(
        interval=1, max_keep_ckpts=1, save_best='AP', rule='greater'
    )
    hook.before_train(runner)
    for epoch, ap in enumerate((0.1, 0.2), 1):
        runner.epoch = epoch - 1
        hook.after_train_epoch(runner)
        runner.epoch = epoch
        hook.after_val_epoch(runner, dict(AP=ap))
    # epoch_2, its best one, and epoch_2 again, which refers to the best one
    assert there[3:] == [
        {'epoch_1.pth', 'best_AP_epoch_1.pth'},
        {'epoch_2.pth', 'best_AP_epoch_1.pth'},
        {'epoch_2.pth', 'best_AP_epoch_2.pth'},
    ]
    hook.after_val_epoch(runner, dict(AP=0.3))
    left = {path.name for path in tmp_path.glob('*.pth')}
    assert left == {'epoch_2.pth', 'best_AP_epoch_2.pth'}
