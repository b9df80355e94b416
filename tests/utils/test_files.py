"""A file is written whole or not at all."""

import os

import pytest

from poet_mm.utils.files import write_whole


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
