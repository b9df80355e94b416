"""Associative embedding, the paper's baseline: heatmaps grouped by tags."""
from ..codecs.associative_embedding.codec import AECodec
from .head import AEHead
from .losses import AELoss, MaskedMSELoss

__all__ = ['AECodec', 'AEHead', 'AELoss', 'MaskedMSELoss']
