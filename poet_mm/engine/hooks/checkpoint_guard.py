"""CheckpointGuardHook: stop in a sentence if a checkpoint does not fit."""

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
    from a checkpoint (``load_from``) may lack queries and outputs, but no part
    of backbone, encoder or decoder: see :func:`starting_weights`.
    """

    priority = 'VERY_HIGH'  # before EMAHook copies what is loaded

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Look at a checkpoint, and leave of it what fits.

        Raises:
            UserError: It does not fit the model, or a training is to go on
                from it and there is nothing but weights in it.
        """
        model = unwrapped_model(runner)
        name = runner.cfg.get('load_from') or 'The checkpoint'
        weights = checkpoint.get('state_dict', checkpoint)
        training = isinstance(runner.optim_wrapper, OptimWrapper)
        # Private door (mmengine 0.10.7, checked): whether a Runner resumes.
        if runner._resume or not training:
            fit_weights(model, weights, name)
            missing = missing_to_resume(checkpoint, runner.cfg)
            if missing and training:
                raise UserError(
                    f'Cannot resume from {name}: it has no '
                    f'{", ".join(missing)}, like those of the best epoch and '
                    'published ones. Resume from another, or begin anew with '
                    f'its weights: --cfg-options load_from={name}'
                )
            return
        values, notes = starting_weights(model, weights, name)
        for note in notes:
            runner.logger.warning(f'{name}: {note}')
        checkpoint['state_dict'] = values

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Note versions beside config and metainfo."""
        checkpoint['meta']['versions'] = versions()


def missing_to_resume(checkpoint: dict, cfg: Config) -> List[str]:
    """Return what a training needs to go on, unless the config does not have
    it saved, and a checkpoint lacks.
    """
    hook = cfg.get('default_hooks', {}).get('checkpoint') or {}
    found = {*checkpoint} - {'epoch', 'iter'} | {
        *(checkpoint.get('meta') or {})
    }
    wanted = {
        'optimizer': hook.get('save_optimizer', True),
        'param_schedulers': hook.get('save_param_scheduler', True),
        'message_hub': True,
        'epoch': True,
        'iter': True,
    }
    return [key for key in wanted if wanted[key] and key not in found]
