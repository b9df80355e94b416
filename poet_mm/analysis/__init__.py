"""The numbers behind the paper's figures, from any checkpoint.

One file per figure; ``poet_mm.visualization`` draws them.
"""
from .attention import AttentionAnalysis
from .centers import CenterAnalysis
from .collect import walk_images
from .curves import analyze_curves
from .layers import LayerAnalysis
from .predictions import PredictionAnalysis
from .report import write_report
from .result import Analysis, Result, write_result
from .session import SPLITS, Session, open_session
from .visibility import VisibilityAnalysis

__all__ = [
    'SPLITS', 'Analysis', 'AttentionAnalysis', 'CenterAnalysis',
    'LayerAnalysis', 'PredictionAnalysis', 'Result', 'Session',
    'VisibilityAnalysis', 'analyze_curves', 'open_session', 'walk_images',
    'write_report', 'write_result'
]
