"""Each figure is one function."""
from .curves import draw_curves, read_scalars
from .predictions import draw_predictions
from .scaling import draw_scaling
from .strides import draw_strides

__all__ = [
    'draw_curves', 'draw_predictions', 'draw_scaling', 'draw_strides',
    'read_scalars'
]
