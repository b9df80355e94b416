"""Say what is measured, and on which machine."""

import os
import platform
import subprocess
from pathlib import Path

import torch

import poet_mm


def describe_machine():
    """Return machine and library versions."""
    return dict(
        cpu=cpu_name(),
        cores=os.cpu_count(),
        gpu=gpu_name(),
        python=platform.python_version(),
        torch=torch.__version__,
        poet_mm=poet_mm.__version__,
    )


def cpu_name():
    """Return the model of the CPU; on other systems than Linux its kind."""
    path = Path('/proc/cpuinfo')
    lines = path.read_text().splitlines() if path.is_file() else []
    names = [x.split(':')[1].strip() for x in lines if 'model name' in x]
    return names[0] if names else platform.machine()


def gpu_name():
    """Return the model of the first GPU, and how many there are if several."""
    if not torch.cuda.is_available():
        return 'none'
    count = torch.cuda.device_count()
    return (f'{count} x ' if count > 1 else '') + torch.cuda.get_device_name()


def commit():
    """Return the commit that is measured; 'unknown' without git."""
    try:
        job = subprocess.run(
            ['git', 'describe', '--always', '--dirty'],
            capture_output=True,
            text=True,
            cwd=Path(__file__).parent,
            check=False,
        )
    except OSError:
        return 'unknown'
    return job.stdout.strip() or 'unknown'
