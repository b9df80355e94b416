"""Keep freed memory in the process."""

import ctypes
import os
import platform

# Parameters of mallopt(3), from glibc's malloc.h.
M_TRIM_THRESHOLD = -1
M_MMAP_MAX = -4


def keep_freed_memory() -> bool:
    """Make glibc keep freed memory, for this process and those it forks.

    By default glibc gives large blocks back to the system. Then every step
    gets the memory of its tensors page by page again, which can take longer
    than the convolutions. The process does not shrink any more.

    Returns:
        bool: False if nothing was changed, because the C library is another
        one, or the environment already has settings for malloc.
    """
    if platform.libc_ver()[0] != 'glibc' or has_malloc_settings():
        return False
    libc = ctypes.CDLL(None)
    # No blocks outside of the heap, and a heap that never shrinks.
    return bool(
        libc.mallopt(M_MMAP_MAX, 0) and libc.mallopt(M_TRIM_THRESHOLD, -1)
    )


def has_malloc_settings() -> bool:
    """Return whether the environment has settings for glibc's malloc."""
    return 'glibc.malloc' in os.environ.get('GLIBC_TUNABLES', '') or any(
        name.startswith('MALLOC_') for name in os.environ
    )
