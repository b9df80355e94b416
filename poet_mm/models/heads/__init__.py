"""Heads: POET's, that of associative embedding, and CID's from scratch."""

from . import ae_head, poet_head, scratch_cid_head

__all__ = ['ae_head', 'poet_head', 'scratch_cid_head']
