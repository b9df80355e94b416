"""Build the paper's model. Start reading at ``heads/poet_head.py``.

Letters, the same in all files but those of associative embedding: B images, L
decoder layers, Q queries, T tokens, K keypoints, C person classes, D channels
of the transformer, M people of the batch, N the most people of an image.
"""

from . import assigners, heads, losses

__all__ = ['assigners', 'heads', 'losses']
