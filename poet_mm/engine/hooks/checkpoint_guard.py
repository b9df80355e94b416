"""CheckpointGuardHook: a wrong checkpoint stops in a sentence."""
from typing import List

from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from mmpose.registry import HOOKS

from ...checkpoints.files import versions
from ...checkpoints.loading import fit_weights, starting_weights
from ...errors import UserError
from .utils import unwrapped_model


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
            UserError: It does not fit the model, or a training is to go on
                from it and there is nothing but weights in it.
        """
        model = unwrapped_model(runner)
        name = runner.cfg.get('load_from') or 'The checkpoint'
        weights = checkpoint.get('state_dict', checkpoint)
        training = isinstance(runner.optim_wrapper, OptimWrapper)
        if runner._resume or not training:
            fit_weights(model, weights, name)
            missing = missing_to_resume(checkpoint, runner.cfg)
            if missing and training:
                raise UserError(
                    f'Cannot resume from {name}: it has no '
                    f'{", ".join(missing)}, like those of the best epoch and '
                    'published ones. Resume from another, or begin anew with '
                    f'its weights: --cfg-options load_from={name}')
            return
        values, notes = starting_weights(model, weights, name)
        for note in notes:
            runner.logger.warning(f'{name}: {note}')
        checkpoint['state_dict'] = values

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Beside config and metainfo, which mmengine notes."""
        checkpoint['meta']['versions'] = versions()


def missing_to_resume(checkpoint: dict, cfg: Config) -> List[str]:
    """What a training needs to go on, and a checkpoint does not have, though
    the config has it saved."""
    hook = cfg.get('default_hooks', {}).get('checkpoint') or {}
    wanted = dict(
        optimizer=hook.get('save_optimizer', True),
        param_schedulers=hook.get('save_param_scheduler', True),
        message_hub=True)
    meta = checkpoint.get('meta') or {}
    return [
        *(key for key in wanted if wanted[key] and key not in checkpoint),
        *(key for key in ('epoch', 'iter') if key not in meta)
    ]
