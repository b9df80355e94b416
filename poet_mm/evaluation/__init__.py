"""Compute COCO's AP and AR, of people and of every keypoint."""

from . import fast_coco_metric, keypoint_metric

__all__ = ['fast_coco_metric', 'keypoint_metric']
