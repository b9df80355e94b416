"""The parts of ``tools/benchmark.py``, one file each.

A part has a docstring that says what is compared, ``THREADS`` (None: all
cores) and ``run(args)``, which compares the results of both sides, then
returns rows. ``args`` has ``quick``, ``seconds``, ``threads``, ``device`` and
``data_root``.
"""

import json
import tempfile
from argparse import Namespace
from itertools import accumulate
from pathlib import Path
from typing import Callable, Dict

import numpy as np
import torch
from torch.utils.benchmark import Measurement, Timer

ROUNDS = 3  # in which both sides take turns


def measure(
    case: str,
    incumbent: str,
    theirs: Callable,
    ours: Callable,
    args: Namespace,
    memory: bool = False,
    note: str = '',
) -> Dict:
    """Time two functions in turns, ``args.seconds`` each, and print the row.

    As both take turns, a busy machine slows down both sides.

    Returns:
        dict: ``case``, ``incumbent`` and ``note``; ``theirs`` and ``ours``,
        the ``median``, ``low`` and ``high`` (quartiles) of a call in
        milliseconds and, with ``memory``, ``peak_mb``; ``ratio`` and
        ``memory_ratio``, of theirs to ours.
    """
    sides = (theirs, ours)
    timers = [
        Timer('side()', globals=dict(side=side), num_threads=args.threads)
        for side in sides
    ]
    rounds = [
        [
            timer.blocked_autorange(min_run_time=args.seconds / ROUNDS)
            for timer in timers
        ]
        for _ in range(ROUNDS)
    ]
    timings = []
    for side, measurements in zip(sides, zip(*rounds)):
        low, median, high = 1e3 * np.percentile(
            Measurement.merge(measurements)[0].times, [25, 50, 75]
        )
        peak = peak_mb(side, args.device) if memory else None
        timings.append(dict(median=median, low=low, high=high, peak_mb=peak))
    theirs, ours = timings
    row = dict(
        case=case,
        incumbent=incumbent,
        theirs=theirs,
        ours=ours,
        note=note,
        ratio=theirs['median'] / ours['median'],
        memory_ratio=theirs['peak_mb'] / ours['peak_mb'] if memory else None,
    )
    print(
        f'  {case}: {incumbent} {number(theirs["median"])} ms, '
        f'poet_mm {number(ours["median"])} ms, {row["ratio"]:.2f}x',
        flush=True,
    )
    return row


def peak_mb(function: Callable, device: str) -> float:
    """Return the peak tensor memory (MB) of a call.

    torch's profiler records them.
    """
    with torch.profiler.profile(profile_memory=True) as profile:
        function()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'trace.json'
        profile.export_chrome_trace(str(path))
        events = json.loads(path.read_text())['traceEvents']
    events = [
        e
        for e in events
        if e['name'] == '[memory]'
        and bool(e['args']['Device Type']) == (device == 'cuda')
    ]
    events.sort(key=lambda event: event['ts'])
    sizes = (event['args']['Bytes'] for event in events)
    return max(accumulate(sizes), default=0) / 2**20


def number(value: float) -> str:
    """Format a number with three significant digits."""
    if value >= 100:
        return f'{value:,.0f}'
    return f'{value:.1f}' if value >= 10 else f'{value:.2f}'
