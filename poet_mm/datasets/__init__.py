"""People in COCO's layout, how they are batched, moved and packed."""

from . import coco, samplers, transforms

__all__ = ['coco', 'samplers', 'transforms']
