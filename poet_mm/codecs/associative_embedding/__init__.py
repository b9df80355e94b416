"""Encode and decode associative embedding, the paper's baseline."""

from . import codec

__all__ = ['codec']
