"""Each figure is one function."""
from ..utils.logs import read_scalars
from .convergence import draw_convergence
from .curves import draw_curves
from .gallery import write_gallery
from .people_visualizer import PARTS, POETVisualizer
from .predictions import draw_predictions
from .scaling import draw_scaling
from .strides import draw_strides

__all__ = [
    'PARTS', 'POETVisualizer', 'draw_convergence', 'draw_curves',
    'draw_predictions', 'draw_scaling', 'draw_strides', 'read_scalars',
    'write_gallery'
]
