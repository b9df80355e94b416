"""Test (and evaluate) a pose model: the flags of MMPose's own tool, less
``--badcase``, and ``--data-root``.

    python tools/test.py configs/poet_r50_coco.py CHECKPOINT --data-root COCO
"""
import argparse
import os.path as osp
import sys

import mmengine
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.distributed.elastic.multiprocessing.errors import record
from train import add_common_arguments, load_config

from poet_mm.checkpoints.safe_load import safe_loading
from poet_mm.errors import DataFault, OutOfGPUMemory, UserError


class SaveMetricHook(Hook):
    """Write the metrics of the test to a file, JSON or YAML by its ending."""

    def __init__(self, path: str) -> None:
        self.path = path

    def after_test_epoch(self, runner, metrics=None) -> None:
        """Called by the Runner on every rank with the same metrics."""
        if metrics is not None and runner.rank == 0:
            mmengine.dump(metrics, self.path)


def parse_args():
    parser = argparse.ArgumentParser(description='Test a pose model')
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--out', help='file for the metrics (.json, .yml)')
    parser.add_argument(
        '--dump', help='file (.pkl) for the predictions, for later use')
    add_common_arguments(parser)
    return parser.parse_args()


def merge_args(cfg: Config, args: argparse.Namespace) -> Config:
    """Apply the flags of testing; ``--cfg-options`` has the last word."""
    if '://' not in args.checkpoint and not osp.isfile(args.checkpoint):
        raise UserError(f'There is no checkpoint {args.checkpoint}.')
    cfg.load_from = args.checkpoint
    if args.dump is not None:
        evaluators = cfg.test_evaluator
        if not isinstance(evaluators, (list, tuple)):
            evaluators = [evaluators]
        dump = dict(type='DumpResults', out_file_path=args.dump)
        cfg.test_evaluator = [*evaluators, dump]
    cfg.merge_from_dict(args.cfg_options)
    return cfg


@record  # what ends a rank is what torchrun says of it
def main():
    args = parse_args()
    cfg = merge_args(load_config(args), args)
    with safe_loading(args.trust_pickle):
        runner = Runner.from_cfg(cfg)
        if args.out:
            runner.register_hook(SaveMetricHook(args.out), 'LOWEST')
        runner.test()


if __name__ == '__main__':
    try:
        main()
    except (UserError, DataFault, FileNotFoundError, OutOfGPUMemory) as error:
        sys.exit(f'test.py: {error}')
