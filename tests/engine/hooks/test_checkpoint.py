"""A checkpoint is written whole or not at all."""

from pathlib import Path

import pytest

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
