"""Train a pose model: the flags of MMPose's own tool, ``--data-root`` and
``--tensorboard``.

    python tools/train.py configs/poet_r50_coco.py --data-root COCO
"""
import argparse
import os
import os.path as osp
import sys
from importlib.util import find_spec

import torch
from mmengine.config import Config, DictAction
from mmengine.runner import Runner
from torch.distributed.elastic.multiprocessing.errors import record

from poet_mm.checkpoints.resume import choose_checkpoint
from poet_mm.checkpoints.safe_load import add_trust_argument, safe_loading
from poet_mm.cli import check_pretrained, start_without_gpu
from poet_mm.engine.optim_wrappers import has_bfloat16
from poet_mm.errors import DataFault, OutOfGPUMemory, UserError
from poet_mm.utils.config import set_data_root

AMP_WRAPPERS = ('OptimWrapper', 'AmpOptimWrapper', 'BFloat16OptimWrapper')
TENSORBOARD = 'TensorboardVisBackend'


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags that train.py and test.py share."""
    parser.add_argument('--work-dir', help='folder for logs and results')
    parser.add_argument(
        '--data-root',
        help="folder in COCO's layout, for all loaders and evaluators")
    parser.add_argument(
        '--show-dir', help='folder (in the work dir) for drawn predictions')
    parser.add_argument(
        '--show', action='store_true', help='show predictions in a window')
    parser.add_argument(
        '--interval', type=int, default=1, help='draw every n-th sample')
    parser.add_argument(
        '--wait-time', type=float, default=1, help='seconds a window stays')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        default={},
        help='changes to the config, as key=value: '
        'optim_wrapper.optimizer.lr=1e-4 model.backbone.init_cfg=None')
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='job launcher')
    add_trust_argument(parser)
    # torch.distributed.launch passes --local-rank
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)


def parse_args():
    parser = argparse.ArgumentParser(description='Train a pose model')
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        help='go on from the newest whole checkpoint of the work dir, or from '
        'the one given')
    parser.add_argument(
        '--amp',
        nargs='?',
        const='auto',
        choices=['auto', 'bfloat16', 'float16'],
        help='automatic mixed precision: bfloat16 where the device has it, '
        'else float16, or the one given')
    parser.add_argument(
        '--no-validate',
        action='store_true',
        help='do not evaluate during training')
    parser.add_argument(
        '--tensorboard',
        action='store_true',
        help='log to TensorBoard too: tensorboard --logdir WORK_DIR')
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate by the actual over the base batch size')
    add_common_arguments(parser)
    return parser.parse_args()


def load_config(args: argparse.Namespace) -> Config:
    """Read the config and apply the flags of both tools."""
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    if not osp.isfile(args.config):
        raise UserError(f'There is no config {args.config}.')
    cfg = Config.fromfile(args.config)
    cfg.launcher = args.launcher
    if args.launcher != 'none' and not torch.cuda.is_available():
        start_without_gpu(cfg)
    default = cfg.get('work_dir') or osp.join(
        'work_dirs',
        osp.splitext(osp.basename(args.config))[0])
    cfg.work_dir = args.work_dir or default
    if args.data_root is not None:
        set_data_root(cfg, args.data_root)
    if args.show or args.show_dir is not None:
        cfg.default_hooks.visualization.update(
            enable=True,
            show=args.show,
            out_dir=args.show_dir,
            wait_time=args.wait_time,
            interval=args.interval)
    return cfg


def use_amp(cfg: Config, dtype: str) -> None:
    """Switch the optimiser wrapper to automatic mixed precision."""
    wrapper = cfg.optim_wrapper.get('type', 'OptimWrapper')
    if wrapper not in AMP_WRAPPERS:
        raise UserError(f'--amp cannot replace optim_wrapper.type={wrapper}, '
                        f'only {", ".join(AMP_WRAPPERS)}.')
    gpu = torch.cuda.is_available()
    if dtype == 'auto':
        dtype = 'float16'
        if has_bfloat16('cuda' if gpu else 'cpu'):
            dtype = 'bfloat16'
        elif not gpu:
            raise UserError('--amp would only slow training down: there is no '
                            'GPU, and this CPU emulates bfloat16. Leave it '
                            'out (or insist with --amp bfloat16).')
    if dtype == 'bfloat16':
        cfg.optim_wrapper.type = 'BFloat16OptimWrapper'
        return
    if not gpu:
        raise UserError('--amp float16 needs a GPU that torch can use, and '
                        'there is none here: --amp bfloat16 does not.')
    cfg.optim_wrapper.type = 'AmpOptimWrapper'
    cfg.optim_wrapper.dtype = dtype
    cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')


def use_tensorboard(cfg: Config) -> None:
    """Add TensorBoard to where the visualizer writes."""
    if find_spec('tensorboard') is None:
        raise UserError('--tensorboard needs tensorboard, which cannot be '
                        'imported here: pip install tensorboard .')
    backends = cfg.visualizer.setdefault('vis_backends', [])
    if all(node['type'] != TENSORBOARD for node in backends):
        backends.append(dict(type=TENSORBOARD))


def merge_args(cfg: Config, args: argparse.Namespace) -> Config:
    """Apply the flags of training; ``--cfg-options`` has the last word."""
    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    if args.amp:
        use_amp(cfg, args.amp)
    if args.resume is not None:
        if args.resume != 'auto' and not osp.isfile(args.resume):
            raise UserError(f'There is no checkpoint {args.resume} to resume '
                            'from.')
        cfg.resume = True
        if args.resume != 'auto':
            cfg.load_from = args.resume
    if args.tensorboard:
        use_tensorboard(cfg)
    if args.auto_scale_lr:
        cfg.auto_scale_lr.enable = True
    cfg.merge_from_dict(args.cfg_options)
    return cfg


@record  # what ends a rank is what torchrun says of it
def main():
    args = parse_args()
    cfg = merge_args(load_config(args), args)
    if cfg.get('resume'):
        choose_checkpoint(cfg, args.resume or cfg.get('load_from') or 'auto')
    with safe_loading(args.trust_pickle):
        runner = Runner.from_cfg(cfg)
        check_pretrained(cfg)
        runner.train()


if __name__ == '__main__':
    try:
        main()
    except (UserError, DataFault, FileNotFoundError, OutOfGPUMemory,
            FloatingPointError) as error:
        sys.exit(f'train.py: {error}')
