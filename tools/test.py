"""Test (and evaluate) a pose model.

The flags are those of MMPose's own tool, less --badcase, and --data-root.
Several processes: bash tools/dist_test.sh CONFIG CHECKPOINT GPUS [flags].

Examples:
  python tools/test.py configs/poet_r50_coco.py CHECKPOINT --data-root COCO
  python tools/test.py configs/poet_r50_coco.py CHECKPOINT --out metrics.json
"""

import argparse
from typing import TYPE_CHECKING

__parse_first__ = True

from poet_mm import cli

if TYPE_CHECKING:
    from mmengine.config import Config


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(**cli.about(__doc__))
    parser.add_argument('config', metavar='CONFIG', help='config file')
    parser.add_argument(
        'checkpoint', metavar='CHECKPOINT', help='checkpoint file or URL'
    )
    parser.add_argument(
        '--out',
        metavar='FILE',
        help='file for the metrics, .json or .yml (default: only the log has '
        'them)',
    )
    parser.add_argument(
        '--dump',
        metavar='FILE',
        help='file (.pkl) for the predictions, for later use (default: none '
        'is written)',
    )
    cli.add_common_arguments(parser)
    args = parser.parse_args()
    cli.check_common_arguments(args)
    cli.check_file(args.checkpoint, 'checkpoint')
    return args


def merge_args(cfg: 'Config', args: argparse.Namespace) -> 'Config':
    """Apply the flags of testing; ``--cfg-options`` has the last word."""
    cfg.load_from = args.checkpoint
    if args.dump is not None:
        evaluators = cfg.test_evaluator
        if not isinstance(evaluators, (list, tuple)):
            evaluators = [evaluators]
        dump = dict(type='DumpResults', out_file_path=args.dump)
        cfg.test_evaluator = [*evaluators, dump]
    cfg.merge_from_dict(args.cfg_options)
    return cfg


def test(args: argparse.Namespace) -> None:
    """Test with checked arguments."""
    import mmengine
    from mmengine.runner import Runner

    from poet_mm.checkpoints.safe_load import safe_loading

    cfg = merge_args(cli.load_config(args), args)
    with safe_loading(args.trust_pickle), cli.explain_full_gpu(cfg, 'test'):
        runner = Runner.from_cfg(cfg)
        metrics = runner.test()
    if args.out and runner.rank == 0:
        mmengine.dump(metrics, args.out)


def main() -> None:
    args = cli.start(parse_args())
    from torch.distributed.elastic.multiprocessing.errors import record

    record(test)(args)  # what ends a rank is what torchrun says of it


if __name__ == '__main__':
    cli.run(main)
