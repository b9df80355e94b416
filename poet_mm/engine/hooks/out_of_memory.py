"""Keep the name of a hook that configs of older checkpoints list."""

from mmengine.hooks import Hook
from mmpose.registry import HOOKS


@HOOKS.register_module()
class OutOfMemoryHook(Hook):
    """Do nothing; :func:`poet_mm.cli.explain_full_gpu` explains a full GPU."""
