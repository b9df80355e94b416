"""Free-size augmentation: geometry that warps once, and coarse dropout."""
from .dropout import CoarseDropout
from .geometry import RandomRotation, RandomSizeCrop, ShortEdgeResize, WarpOnce

__all__ = [
    'CoarseDropout', 'RandomRotation', 'RandomSizeCrop', 'ShortEdgeResize',
    'WarpOnce'
]
