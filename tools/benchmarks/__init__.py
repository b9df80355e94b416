"""The parts of ``tools/benchmark.py``, one file each."""
import statistics
import time
from typing import Callable


def median_ms(function: Callable, repeat: int) -> float:
    """Median milliseconds of several calls."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        function()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)
