"""Train a pose model.

It has the options of MMPose's train.py, and --tensorboard, --trust-pickle and
those of the data: --data-root, --train-ann, --val-ann, --metainfo, ...
Several processes: bash tools/dist_train.sh CONFIG GPUS [options].

Examples:
  python tools/train.py configs/poet_r50_coco.py --data-root COCO --amp
  python tools/train.py poet_fast_mobilenetv2_finetune --data-root ROBOFLOW
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
    parser.add_argument(
        'config',
        metavar='CONFIG',
        help='config file, or name of one in configs/',
    )
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='resume from this checkpoint; without a value, from the newest '
        'undamaged checkpoint of the work dir (default: start a new training)',
    )
    parser.add_argument(
        '--amp',
        nargs='?',
        const='auto',
        choices=['auto', 'bfloat16', 'float16'],
        help='automatic mixed precision; auto, and --amp alone, means '
        'bfloat16 if the device computes in it, else float16 (default: off)',
    )
    parser.add_argument(
        '--no-validate',
        action='store_true',
        help='do not evaluate during training',
    )
    parser.add_argument(
        '--tensorboard',
        action='store_true',
        help='also log to TensorBoard: tensorboard --logdir WORK_DIR',
    )
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='multiply the learning rate by the ratio of the real to the base '
        'batch size',
    )
    cli.add_common_arguments(parser)
    args = parser.parse_args()
    cli.check_common_arguments(args)
    needed = ['train'] if args.no_validate else ['train', 'val']
    cli.check_data_arguments(args, needed)
    if args.resume not in (None, 'auto') and not osp.isfile(args.resume):
        raise UserError(
            f'There is no checkpoint {args.resume} to resume from.'
        )
    return args


def merge_args(cfg: 'Config', args: argparse.Namespace) -> 'Config':
    """Apply the options of training, ``--cfg-options`` last."""
    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    if args.amp:
        cli.use_amp(cfg, args.amp)
    if args.resume is not None:
        cfg.resume = True
        if args.resume != 'auto':
            cfg.load_from = args.resume
    if args.tensorboard:
        cli.use_tensorboard(cfg)
    if args.auto_scale_lr:
        if not (cfg.get('auto_scale_lr') or {}).get('base_batch_size'):
            raise UserError(
                '--auto-scale-lr needs auto_scale_lr.base_batch_size in the '
                'config.'
            )
        cfg.auto_scale_lr.enable = True
    cfg.merge_from_dict(args.cfg_options)
    return cfg


def train(args: argparse.Namespace) -> None:
    """Train with parsed arguments."""
    from mmengine.runner import Runner

    from poet_mm.checkpoints.resume import choose_checkpoint
    from poet_mm.checkpoints.safe_load import safe_loading
    from poet_mm.engine.hooks.progress import show_progress

    cfg = merge_args(cli.load_config(args), args)
    if cfg.get('resume'):
        choose_checkpoint(cfg, args.resume or cfg.get('load_from') or 'auto')
    with safe_loading(args.trust_pickle):
        runner = Runner.from_cfg(cfg)
        cli.check_pretrained(cfg)
        with show_progress(runner):
            runner.train()


def main() -> None:
    args = cli.start(parse_args())
    from torch.distributed.elastic.multiprocessing.errors import record

    record(train)(args)  # so that torchrun prints the error of a process


if __name__ == '__main__':
    cli.run(main)
