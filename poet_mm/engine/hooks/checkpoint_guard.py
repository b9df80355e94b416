"""Raise a UserError if a checkpoint does not fit the model."""

from typing import List

from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from mmpose.registry import HOOKS

from ...checkpoints.files import versions
from ...checkpoints.loading import check_weights, starting_weights
from ...errors import UserError
from .utils import unwrapped_model


@HOOKS.register_module()
class CheckpointGuardHook(Hook):
    """Check each checkpoint that a Runner loads, and save library versions.

    Without this hook mmengine loads the weights that fit and lists the names
    of all others.

    To test or to resume, all weights must fit. To start a training from a
    checkpoint (``load_from``), backbone, neck, input projection, encoder and
    decoder must each fit completely or be absent; queries and prediction
    layers may differ, see :func:`starting_weights`.
    """

    priority = 'VERY_HIGH'  # before EMAHook copies the checkpoint

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Check a checkpoint.

        To start a training, replace its ``state_dict`` with a full one: its
        weights that fit, and the initial weights of the model elsewhere.

        Raises:
            UserError: The weights do not fit the model, or a training resumes
                from a checkpoint that lacks optimiser or progress.
        """
        model = unwrapped_model(runner)
        name = runner.cfg.get('load_from') or 'The checkpoint'
        weights = checkpoint.get('state_dict', checkpoint)
        # A Runner that only tests keeps the config of the wrapper.
        training = isinstance(runner.optim_wrapper, OptimWrapper)
        if training and not runner.cfg.get('resume'):
            values, notes = starting_weights(model, weights, name)
            for note in notes:
                runner.logger.warning(f'{name}: {note}')
            checkpoint['state_dict'] = values
            return
        check_weights(model, weights, name)
        missing = missing_to_resume(checkpoint, runner.cfg)
        if training and missing:
            raise UserError(
                f'Cannot resume from {name}: it has no {", ".join(missing)}. '
                'Checkpoints of the best epoch and published ones have only '
                'weights. Resume from another checkpoint, or start a new '
                f'training from these weights: --cfg-options load_from={name}'
            )

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Add the versions of poet_mm and its libraries."""
        checkpoint['meta']['versions'] = versions()


def missing_to_resume(checkpoint: dict, cfg: Config) -> List[str]:
    """Return the keys that a training needs to resume and that are missing.

    Args:
        checkpoint (dict): Content of the file.
        cfg (Config): Config of the training. States that its checkpoint hook
            does not save are not needed.
    """
    hook = cfg.get('default_hooks', {}).get('checkpoint') or {}
    state = dict(
        optimizer=hook.get('save_optimizer', True),
        param_schedulers=hook.get('save_param_scheduler', True),
        message_hub=True,
    )
    missing = [key for key in state if state[key] and key not in checkpoint]
    meta = checkpoint.get('meta') or {}
    return missing + [key for key in ('epoch', 'iter') if key not in meta]
