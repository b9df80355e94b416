"""Draw poses, set the style of all figures, write the gallery."""

from . import pose_visualizer

__all__ = ['pose_visualizer']
