"""The parts of ``tools/benchmark.py``, one file each.

A part has a docstring that says what is compared, ``THREADS`` (None: all
cores) and ``run(args)``, which compares the results of both sides, then
returns rows. ``args`` has ``quick``, ``seconds``, ``threads``, ``device`` and
``data_root``.
"""

import json
import tempfile
from argparse import Namespace
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path
from typing import Callable, Dict, Optional

import numpy as np
import torch
from torch.utils.benchmark import Measurement, Timer

ROUNDS = 3  # in which both sides take turns


@dataclass
class Timing:
    """Milliseconds of one call, median and quartiles; and the memory in MB
    that it needs on top of what was there before.
    """

    median: float
    low: float
    high: float
    peak_mb: Optional[float] = None


@dataclass
class Row:
    """One case, measured for the incumbent and for us in one run."""

    case: str
    incumbent: str
    theirs: Timing
    ours: Timing
    note: str = ''

    @property
    def ratio(self) -> float:
        return self.theirs.median / self.ours.median

    @property
    def memory_ratio(self) -> Optional[float]:
        if not (self.theirs.peak_mb and self.ours.peak_mb):
            return None
        return self.theirs.peak_mb / self.ours.peak_mb

    def as_dict(self) -> Dict:
        return dict(
            asdict(self), ratio=self.ratio, memory_ratio=self.memory_ratio
        )


def measure(
    case: str,
    incumbent: str,
    theirs: Callable,
    ours: Callable,
    args: Namespace,
    memory: bool = False,
    note: str = '',
) -> Row:
    """Time two functions in turns, ``args.seconds`` each, and print the row.

    Taking turns keeps what else happens on the machine from being counted for
    one side only.
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
        timings.append(Timing(median, low, high, peak))
    row = Row(case, incumbent, *timings, note)
    theirs, ours = (number(timing.median) for timing in timings)
    print(
        f'  {case}: {incumbent} {theirs} ms, poet_mm {ours} ms, '
        f'{row.ratio:.2f}x',
        flush=True,
    )
    return row


def peak_mb(function: Callable, device: str) -> float:
    """Return the MB of tensors that a call needs at its peak, beyond those
    that were there before, as torch's profiler records them.
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
    """Write three digits that count."""
    if value >= 100:
        return f'{value:,.0f}'
    return f'{value:.1f}' if value >= 10 else f'{value:.2f}'
