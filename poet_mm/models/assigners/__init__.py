"""Hungarian matching and its costs."""

from . import hungarian, match_costs

__all__ = ['hungarian', 'match_costs']
