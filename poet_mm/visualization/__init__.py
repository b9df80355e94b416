"""Drawn poses, the style of all figures, and the gallery."""

from . import pose_visualizer

__all__ = ['pose_visualizer']
