"""Register data sets, samplers and transforms for people in COCO's layout."""

from . import coco, samplers, transforms

__all__ = ['coco', 'samplers', 'transforms']
