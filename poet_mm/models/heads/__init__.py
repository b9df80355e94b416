"""Heads: POET's, and the one of the associative-embedding baseline."""

from . import ae_head, poet_head

__all__ = ['ae_head', 'poet_head']
