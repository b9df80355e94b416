"""Compute COCO's AP and AR."""

from . import fast_coco_metric

__all__ = ['fast_coco_metric']
