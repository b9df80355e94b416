"""Register the transforms."""

from . import (
    dropout,
    formatting,
    geometry,
    heatmap_mask,
    loading,
    same_in_batch,
    stock_people,
)

__all__ = [
    'dropout',
    'formatting',
    'geometry',
    'heatmap_mask',
    'loading',
    'same_in_batch',
    'stock_people',
]
