"""Register hooks that speed up, log and protect a training."""

from . import (
    checkpoint,
    checkpoint_guard,
    epoch_seed,
    match_quality,
    non_finite,
    out_of_memory,
    sample_predictions,
    speed,
    validation_loss,
)

__all__ = [
    'checkpoint',
    'checkpoint_guard',
    'epoch_seed',
    'match_quality',
    'non_finite',
    'out_of_memory',
    'sample_predictions',
    'speed',
    'validation_loss',
]
