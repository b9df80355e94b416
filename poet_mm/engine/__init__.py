"""Register hooks and optimiser wrappers for mmengine's Runner."""

from . import hooks, optim_wrappers

__all__ = ['hooks', 'optim_wrappers']
