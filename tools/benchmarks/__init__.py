"""The parts of ``tools/benchmark.py``, one file each.

A part has a docstring that says what is compared, ``THREADS`` (None: all
cores) and ``run(args)``, which returns rows; its arguments are in
``tools/benchmark.py``, which imports a part only to run it.
"""
import ctypes
import gc
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Callable, Dict, List, Optional

import numpy as np
import torch

from poet_mm.comparison.cost import synchronize


@dataclass
class Timing:
    """Milliseconds of one call: median and quartiles over repeated calls; and
    the memory in MB that it needs on top of what was there before."""
    median: float
    low: float
    high: float
    peak_mb: Optional[float] = None


@dataclass
class Row:
    """One case, measured for the incumbent and for us in one run.

    ``theirs`` is None where the incumbent cannot run, ``floor`` the ratio of
    times that is asked for, ``tokens`` the abscissa of the scaling figure,
    ``note`` what else was measured.
    """
    case: str
    incumbent: str
    theirs: Optional[Timing]
    ours: Timing
    floor: Optional[float] = None
    tokens: Optional[int] = None
    note: str = ''

    @property
    def ratio(self) -> Optional[float]:
        if self.theirs is None:
            return None
        return self.theirs.median / self.ours.median

    @property
    def memory_ratio(self) -> Optional[float]:
        if self.theirs is None or not (self.theirs.peak_mb
                                       and self.ours.peak_mb):
            return None
        return self.theirs.peak_mb / self.ours.peak_mb

    def as_dict(self) -> Dict:
        return dict(
            asdict(self), ratio=self.ratio, memory_ratio=self.memory_ratio)


def measure(case: str,
            incumbent: str,
            theirs: Callable,
            ours: Callable,
            repeat: int,
            memory: bool = False,
            **extra) -> Row:
    """Call both in turns, after one call each that is not timed.

    Taking turns keeps what else happens on the machine from being counted for
    one side only.
    """
    sides = (theirs, ours)
    for side in sides:
        side()
    seconds: List[List[float]] = [[], []]
    for _ in range(repeat):
        for side, times in zip(sides, seconds):
            times.append(time_call(side))
    peaks = [peak_mb(side) if memory else None for side in sides]
    timings = map(as_timing, seconds, peaks)
    return Row(case, incumbent, *timings, **extra)


def measure_one(case: str, incumbent: str, ours: Callable, repeat: int,
                **extra) -> Row:
    """Our side only, where the incumbent cannot run."""
    seconds = [time_call(ours) for _ in range(repeat)]
    return Row(case, incumbent, None, as_timing(seconds, peak_mb(ours)),
               **extra)


def time_call(function: Callable) -> float:
    """Seconds of one call."""
    synchronize()
    start = time.perf_counter()
    function()
    synchronize()
    return time.perf_counter() - start


def as_timing(seconds: List[float], peak: Optional[float] = None) -> Timing:
    low, median, high = (
        1e3 * float(x) for x in np.percentile(seconds, [25, 50, 75]))
    return Timing(median, low, high, peak)


def available_mb() -> float:
    """Memory that is free for a tensor on the device of the benchmark."""
    if torch.cuda.is_available():
        return torch.cuda.mem_get_info()[0] / 2**20
    try:
        pages = os.sysconf('SC_AVPHYS_PAGES')
    except (AttributeError, ValueError, OSError):  # not on every system
        return float('inf')
    return pages * os.sysconf('SC_PAGE_SIZE') / 2**20


def peak_mb(function: Callable) -> Optional[float]:
    """Memory in MB that a call needs at its peak, beyond what is in use.

    On a GPU torch's own count; on Linux the resident memory of the process,
    of which the kernel keeps the maximum; elsewhere None.
    """
    gc.collect()
    if torch.cuda.is_available():
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        function()
        synchronize()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    if not sys.platform.startswith('linux'):
        return None
    _return_freed_memory(at_once=True)
    before = _resident_mb('VmRSS')
    try:  # forget the old maximum
        Path('/proc/self/clear_refs').write_text('5')
    except OSError:  # some sandboxes forbid it
        return None
    function()
    peak = _resident_mb('VmHWM')
    _return_freed_memory(at_once=False)
    return peak - before


def _resident_mb(key: str) -> float:
    status = Path('/proc/self/status').read_text()
    return int(status.split(f'{key}:')[1].split()[0]) / 1024


def _return_freed_memory(at_once: bool) -> None:
    """Whether glibc gives large blocks back when they are freed, or keeps them
    as it does in the long run; without, old blocks hide new ones."""
    libc = ctypes.CDLL(None)
    threshold, m_mmap_threshold = (2**18 if at_once else 2**25), -3
    if hasattr(libc, 'mallopt'):
        libc.mallopt(m_mmap_threshold, threshold)
        libc.malloc_trim(0)
