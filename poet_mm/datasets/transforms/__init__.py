"""Register the transforms: loading that finds damage, geometry with one warp,
coarse dropout, heatmap masks, packing.
"""

from . import (
    dropout,
    formatting,
    geometry,
    heatmap_mask,
    loading,
    same_in_batch,
)

__all__ = [
    'dropout',
    'formatting',
    'geometry',
    'heatmap_mask',
    'loading',
    'same_in_batch',
]
