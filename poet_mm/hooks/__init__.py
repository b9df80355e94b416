"""Hooks of mmengine: what makes training faster, what shows it, and what
keeps it safe."""
from ..errors import OutOfGPUMemory
from .checkpoint import AtomicCheckpointHook
from .checkpoint_guard import CheckpointGuardHook
from .epoch_seed import EpochSeedHook
from .incident import Incident, read_incident
from .match_quality import MatchQualityHook
from .non_finite import NonFiniteHook
from .out_of_memory import OutOfMemoryHook
from .sample_predictions import SamplePredictionsHook
from .speed import (
    ChannelsLastHook,
    CompileHook,
    can_compile,
    use_channels_last,
)
from .validation_loss import ValidationLossHook

__all__ = [
    'AtomicCheckpointHook', 'ChannelsLastHook', 'CheckpointGuardHook',
    'CompileHook', 'EpochSeedHook', 'Incident', 'MatchQualityHook',
    'NonFiniteHook', 'OutOfGPUMemory', 'OutOfMemoryHook',
    'SamplePredictionsHook', 'ValidationLossHook', 'can_compile',
    'read_incident', 'use_channels_last'
]
