"""Keep a registered name that configs of older checkpoints use."""

from mmengine.hooks import Hook
from mmpose.registry import HOOKS


@HOOKS.register_module()
class OutOfMemoryHook(Hook):
    """Do nothing. :func:`poet_mm.cli.run` explains a full GPU."""
