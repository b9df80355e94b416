"""Register the codecs, which turn pixels into targets and back."""

from . import associative_embedding, poet_codec

__all__ = ['associative_embedding', 'poet_codec']
