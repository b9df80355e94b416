"""Loading that notices faults; free-size augmentation: geometry that warps
once, and coarse dropout; the fixed canvas and the mask that heatmaps need;
packing for the model."""
from .dropout import CoarseDropout
from .geometry import (
    RandomAffine,
    RandomRotation,
    RandomSizeCrop,
    ShortEdgeResize,
    WarpOnce,
)
from .loading import LoadIntactImage
from .mask import HeatmapMask
from .packing import PackBottomupInputs

__all__ = [
    'CoarseDropout', 'HeatmapMask', 'LoadIntactImage', 'PackBottomupInputs',
    'RandomAffine', 'RandomRotation', 'RandomSizeCrop', 'ShortEdgeResize',
    'WarpOnce'
]
