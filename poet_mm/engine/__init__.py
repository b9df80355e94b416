"""Hooks and optimiser wrappers for mmengine's runner."""

from . import hooks, optim_wrappers

__all__ = ['hooks', 'optim_wrappers']
