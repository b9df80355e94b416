"""Each figure is one function."""
from .curves import draw_curves, read_scalars
from .predictions import draw_predictions

__all__ = ['draw_curves', 'draw_predictions', 'read_scalars']
