"""Train a pose model.

The flags are those of MMPose's own tool, --data-root and --tensorboard.
Several processes: bash tools/dist_train.sh CONFIG GPUS [flags].

Examples:
  python tools/train.py configs/poet_r50_coco.py --data-root COCO --amp
  python tools/train.py configs/poet_r50_coco.py --data-root COCO --resume
"""

import argparse
import os.path as osp
from typing import TYPE_CHECKING

__parse_first__ = True

from poet_mm import cli
from poet_mm.errors import UserError

if TYPE_CHECKING:
    from mmengine.config import Config


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(**cli.about(__doc__))
    parser.add_argument('config', metavar='CONFIG', help='config file')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='go on from this checkpoint, or without one from the newest '
        'whole checkpoint of the work dir (default: start a new training)',
    )
    parser.add_argument(
        '--amp',
        nargs='?',
        const='auto',
        choices=['auto', 'bfloat16', 'float16'],
        help='automatic mixed precision; auto, and --amp alone, is bfloat16 '
        'where the device has it, else float16 (default: off)',
    )
    parser.add_argument(
        '--no-validate',
        action='store_true',
        help='do not evaluate during training',
    )
    parser.add_argument(
        '--tensorboard',
        action='store_true',
        help='log to TensorBoard too: tensorboard --logdir WORK_DIR',
    )
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate by the actual over the base batch size',
    )
    cli.add_common_arguments(parser)
    args = parser.parse_args()
    cli.check_common_arguments(args)
    check_resume(args)
    return args


def check_resume(args: argparse.Namespace) -> None:
    """Look for the checkpoint to resume from."""
    if args.resume not in (None, 'auto') and not osp.isfile(args.resume):
        raise UserError(
            f'There is no checkpoint {args.resume} to resume from.'
        )


def merge_args(cfg: 'Config', args: argparse.Namespace) -> 'Config':
    """Apply the flags of training; ``--cfg-options`` has the last word."""
    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    if args.amp:
        cli.use_amp(cfg, args.amp)
    if args.resume is not None:
        check_resume(args)
        cfg.resume = True
        if args.resume != 'auto':
            cfg.load_from = args.resume
    if args.tensorboard:
        cli.use_tensorboard(cfg)
    if args.auto_scale_lr:
        cfg.auto_scale_lr.enable = True
    cfg.merge_from_dict(args.cfg_options)
    return cfg


def train(args: argparse.Namespace) -> None:
    """Train with checked arguments."""
    from mmengine.runner import Runner

    from poet_mm.checkpoints.resume import choose_checkpoint
    from poet_mm.checkpoints.safe_load import safe_loading
    from poet_mm.engine.hooks.progress import show_progress

    cfg = merge_args(cli.load_config(args), args)
    if cfg.get('resume'):
        choose_checkpoint(cfg, args.resume or cfg.get('load_from') or 'auto')
    with safe_loading(args.trust_pickle), cli.explain_full_gpu(cfg, 'train'):
        runner = Runner.from_cfg(cfg)
        cli.check_pretrained(cfg)
        with show_progress(runner):
            runner.train()


def main() -> None:
    args = cli.start(parse_args())
    from torch.distributed.elastic.multiprocessing.errors import record

    record(train)(args)  # what ends a rank is what torchrun says of it


if __name__ == '__main__':
    cli.run(main)
