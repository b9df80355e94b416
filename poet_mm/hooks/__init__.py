"""Hooks of mmengine: what makes training faster, and what shows it."""
from .checkpoint_guard import CheckpointGuardHook
from .match_quality import MatchQualityHook
from .sample_predictions import SamplePredictionsHook
from .speed import (
    ChannelsLastHook,
    CompileHook,
    can_compile,
    use_channels_last,
)
from .validation_loss import ValidationLossHook

__all__ = [
    'ChannelsLastHook', 'CheckpointGuardHook', 'CompileHook',
    'MatchQualityHook', 'SamplePredictionsHook', 'ValidationLossHook',
    'can_compile', 'use_channels_last'
]
