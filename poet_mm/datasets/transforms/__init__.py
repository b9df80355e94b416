"""Transforms: loading that notices faults; geometry that moves labels at once
and pixels once; coarse dropout; the mask that heatmaps need; packing."""
from . import (
    dropout,
    formatting,
    geometry,
    heatmap_mask,
    loading,
    same_in_batch,
)

__all__ = [
    'dropout', 'formatting', 'geometry', 'heatmap_mask', 'loading',
    'same_in_batch'
]
