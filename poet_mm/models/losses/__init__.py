"""Losses: POET's set loss with its OKS term, and associative embedding's."""

from . import ae_loss, pose_set_loss

__all__ = ['ae_loss', 'pose_set_loss']
