"""Hooks of mmengine: what makes training faster, and what shows it."""
from .match_quality import MatchQualityHook
from .sample_predictions import SamplePredictionsHook
from .speed import ChannelsLastHook, CompileHook
from .validation_loss import ValidationLossHook

__all__ = [
    'ChannelsLastHook', 'CompileHook', 'MatchQualityHook',
    'SamplePredictionsHook', 'ValidationLossHook'
]
