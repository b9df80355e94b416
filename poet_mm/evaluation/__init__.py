"""COCO's numbers."""

from . import fast_coco_metric

__all__ = ['fast_coco_metric']
