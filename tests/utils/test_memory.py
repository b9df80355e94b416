"""A process that keeps freed memory gets no block from the system."""

import ctypes
import multiprocessing
import os
import platform

import pytest

from poet_mm.utils import memory
from poet_mm.utils.memory import keep_freed_memory

SIZE = 2**28  # bytes; glibc maps blocks above 32 MB by default
needs_glibc = pytest.mark.skipif(
    platform.libc_ver()[0] != 'glibc', reason='needs glibc'
)


class Mallinfo2(ctypes.Structure):
    """The struct that ``mallinfo2`` of glibc >= 2.33 returns."""

    _fields_ = [
        ('arena', ctypes.c_size_t),  # bytes of the heap
        ('others', ctypes.c_size_t * 3),
        ('hblkhd', ctypes.c_size_t),  # bytes of mapped blocks
        ('more', ctypes.c_size_t * 5),
    ]


def allocate_and_free(keep):
    """Return the bytes mapped for a block, and those that stay after it."""
    libc = ctypes.CDLL(None)
    libc.mallinfo2.restype = Mallinfo2
    libc.malloc.restype = ctypes.c_void_p
    libc.malloc.argtypes = [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    if keep:
        assert keep_freed_memory()
    before = libc.mallinfo2()
    block = libc.malloc(SIZE)
    mapped = libc.mallinfo2().hblkhd - before.hblkhd
    libc.free(block)
    return mapped, libc.mallinfo2().arena - before.arena


@pytest.fixture
def no_settings(monkeypatch):
    """An environment without settings for malloc."""
    for name in [*os.environ]:
        if name.startswith('MALLOC_') or name == 'GLIBC_TUNABLES':
            monkeypatch.delenv(name)


@pytest.mark.slow
@needs_glibc
@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), 'mallinfo2'), reason='needs glibc 2.33'
)
@pytest.mark.usefixtures('no_settings')
@pytest.mark.parametrize('keep', [False, True])
def test_freed_block_stays(keep):
    """In a process that starts with glibc's own settings."""
    with multiprocessing.get_context('spawn').Pool(1) as pool:
        mapped, stays = pool.apply(allocate_and_free, (keep,))
    # a part of the block may come from what was free before
    assert (mapped >= SIZE / 2) == (stays < SIZE / 2) == (not keep)


@pytest.mark.parametrize(
    ('libc', 'setting', 'called'),
    [
        ('glibc', {}, True),
        ('musl', {}, False),
        ('', {}, False),  # macOS and Windows
        ('glibc', {'MALLOC_ARENA_MAX': '2'}, False),
        ('glibc', {'GLIBC_TUNABLES': 'glibc.malloc.arena_max=2'}, False),
        ('glibc', {'GLIBC_TUNABLES': 'glibc.rtld.nns=2'}, True),
    ],
)
@pytest.mark.usefixtures('no_settings')
def test_only_glibc_without_settings(monkeypatch, libc, setting, called):
    calls = []

    class Library:
        def mallopt(self, name, value):
            calls.append((name, value))
            return 1

    monkeypatch.setattr(platform, 'libc_ver', lambda: (libc, '2.36'))
    monkeypatch.setattr(memory.ctypes, 'CDLL', lambda name: Library())
    for name, value in setting.items():
        monkeypatch.setenv(name, value)
    assert keep_freed_memory() == called == bool(calls)
