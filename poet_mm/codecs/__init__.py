"""Codecs: pixels to what a network learns, and back."""
from . import associative_embedding, poet_codec

__all__ = ['associative_embedding', 'poet_codec']
