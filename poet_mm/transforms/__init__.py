"""Free-size augmentation: geometry that warps once, and coarse dropout; the
fixed canvas and the mask that heatmaps need."""
from .dropout import CoarseDropout
from .geometry import (
    RandomAffine,
    RandomRotation,
    RandomSizeCrop,
    ShortEdgeResize,
    WarpOnce,
)
from .mask import HeatmapMask

__all__ = [
    'CoarseDropout', 'HeatmapMask', 'RandomAffine', 'RandomRotation',
    'RandomSizeCrop', 'ShortEdgeResize', 'WarpOnce'
]
