"""Register the transforms."""

from . import (
    dropout,
    formatting,
    geometry,
    heatmap_mask,
    loading,
    paste_people,
    same_in_batch,
    stock_people,
)

__all__ = [
    'dropout',
    'formatting',
    'geometry',
    'heatmap_mask',
    'loading',
    'paste_people',
    'same_in_batch',
    'stock_people',
]
