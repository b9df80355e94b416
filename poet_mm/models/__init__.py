"""The figure of the paper: heads, layers, assigners and losses."""

from . import assigners, heads, losses

__all__ = ['assigners', 'heads', 'losses']
