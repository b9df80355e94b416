"""Associative embedding, the paper's baseline: heatmaps grouped by tags."""
from . import codec

__all__ = ['codec']
