"""CheckpointGuardHook: a wrong checkpoint stops in a sentence."""
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from mmpose.registry import HOOKS

from ..apis.checkpoints.files import versions
from ..apis.weights import fit_weights, starting_weights
from .model import unwrapped_model


@HOOKS.register_module()
class CheckpointGuardHook(Hook):
    """Look at what a Runner loads, before mmengine takes what fits of it and
    lists the names of all else; and note versions in what it saves.

    A test or a resumed training needs every weight. A training that starts
    from a checkpoint (``load_from``) may start queries and outputs afresh, but
    no part of backbone, encoder or decoder: see :func:`starting_weights`.
    """
    priority = 'VERY_HIGH'  # before EMAHook copies what is loaded

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """
        Raises:
            UserError: It does not fit the model.
        """
        model = unwrapped_model(runner)
        name = runner.cfg.get('load_from') or 'The checkpoint'
        weights = checkpoint.get('state_dict', checkpoint)
        training = isinstance(runner.optim_wrapper, OptimWrapper)
        if runner._resume or not training:
            fit_weights(model, weights, name)
            return
        values, notes = starting_weights(model, weights, name)
        for note in notes:
            runner.logger.warning(f'{name}: {note}')
        checkpoint['state_dict'] = values

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Beside config and metainfo, which mmengine notes."""
        checkpoint['meta']['versions'] = versions()
