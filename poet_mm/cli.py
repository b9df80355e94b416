"""What the tools share."""
import os

from mmengine.config import Config
from mmengine.runner import CheckpointLoader
from torch import distributed

from .errors import UserError, first_line
from .utils.config import pretrained_files


def start_without_gpu(cfg: Config) -> None:
    """Join the processes of a job on CPUs; mmengine's launchers give every
    process a GPU, and so does its wrapper of the model.

    Args:
        cfg (Config): With ``launcher``; changed in place.

    Raises:
        UserError: The launcher is not that of torchrun.
    """
    if cfg.launcher != 'pytorch' or 'RANK' not in os.environ:
        raise UserError(
            f'--launcher {cfg.launcher} needs a GPU for every process, and '
            'there is none here: on CPUs only bash tools/dist_train.sh and '
            'dist_test.sh (torchrun) start several.')
    if not distributed.is_initialized():
        distributed.init_process_group('gloo')
    cfg.model_wrapper_cfg = dict(
        type='MMDistributedDataParallel',
        device_ids=None,
        broadcast_buffers=False)


def check_pretrained(cfg: Config) -> None:
    """Load the weights that the model starts from, to see that they are there.

    Raises:
        UserError: They can neither be read nor downloaded; says how to give a
            file or to start without.
    """
    for path in pretrained_files(cfg):
        try:
            CheckpointLoader.load_checkpoint(path, map_location='cpu')
        except UserError:
            raise
        except Exception as error:
            raise UserError(
                f'Cannot get the weights {path!r} that the model starts from '
                f'({type(error).__name__}: {first_line(error)}). '
                'Give a file with '
                '--cfg-options model.backbone.init_cfg.checkpoint=FILE, or '
                'start from random weights with '
                '--cfg-options model.backbone.init_cfg=None .') from error
