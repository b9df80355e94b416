"""Test (and evaluate) a pose model.

It has the options of MMPose's test.py except --badcase, and those of the data:
--data-root, --val-ann, --metainfo, ... The test part of a Roboflow or CVAT
folder is evaluated, or val if there is none. A model of the zoo
(tools/download.py lists them) needs no config.
Several processes: bash tools/dist_test.sh CONFIG CHECKPOINT GPUS [options].

Examples:
  python tools/test.py configs/poet_r50_coco.py CHECKPOINT --data-root COCO
  python tools/test.py poet-r50 --data-root COCO --out metrics.json
"""

import argparse
from typing import TYPE_CHECKING

__parse_first__ = True

from poet_mm import cli
from poet_mm.checkpoints import zoo
from poet_mm.errors import UserError

if TYPE_CHECKING:
    from mmengine.config import Config


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(**cli.about(__doc__))
    parser.add_argument(
        'config',
        metavar='CONFIG',
        help='config file, or name of one in configs/; leave it out for a '
        'model of the zoo',
    )
    parser.add_argument(
        'checkpoint',
        nargs='?',
        metavar='CHECKPOINT',
        help='checkpoint file or URL, or model of the zoo',
    )
    parser.add_argument(
        '--out',
        metavar='FILE',
        help='write the metrics to this .json or .yml file (default: only to '
        'the log)',
    )
    parser.add_argument(
        '--dump',
        metavar='FILE',
        help='write the predictions to this .pkl file (default: no file)',
    )
    parser.add_argument(
        '--per-keypoint',
        action='store_true',
        help="also log errors and AP of every keypoint by COCO's v, of people "
        "with at least the checkpoint's lowest score (tools/analyze.py "
        'keypoints writes them to files)',
    )
    cli.add_common_arguments(parser)
    args = parser.parse_args()
    if args.checkpoint is None:  # its config is inside
        name, args.config = args.config, None
        args.checkpoint = zoo.find_entry(name)['Name']
    cli.check_common_arguments(args)
    cli.check_data_arguments(args, ['val'])
    cli.check_checkpoint(args.checkpoint)
    return args


def merge_args(cfg: 'Config', args: argparse.Namespace) -> 'Config':
    """Apply the options of testing, ``--cfg-options`` last."""
    cfg.load_from = args.checkpoint
    cfg.resume = False  # that of a work dir may resume
    if args.dump is not None:
        dump = dict(type='DumpResults', out_file_path=args.dump)
        cfg.test_evaluator = [*evaluators_of(cfg), dump]
    cfg.merge_from_dict(args.cfg_options)
    if args.per_keypoint:
        cfg.test_evaluator = [*evaluators_of(cfg), keypoint_evaluator(cfg)]
    return cfg


def evaluators_of(cfg: 'Config') -> list:
    """Return the evaluators of testing as a list."""
    evaluators = cfg.test_evaluator
    return [evaluators] if isinstance(evaluators, dict) else [*evaluators]


def keypoint_evaluator(cfg: 'Config') -> dict:
    """Return the evaluator of ``--per-keypoint``, with COCO's arguments.

    Its lowest score is that of the checkpoint.

    Raises:
        UserError: No evaluator is a CocoMetric.
    """
    from poet_mm.checkpoints.files import read_checkpoint
    from poet_mm.checkpoints.publish import stored_score

    types = [str(each.get('type')) for each in evaluators_of(cfg)]
    for each, name in zip(evaluators_of(cfg), types):
        if name.endswith('CocoMetric'):
            checkpoint = read_checkpoint(cfg.load_from)
            score_thr = stored_score(checkpoint)
            return dict(each, type='KeypointMetric', score_thr=score_thr)
    raise UserError(
        f'--per-keypoint needs a CocoMetric or FastCocoMetric, and '
        f'test_evaluator is {", ".join(types)}. Change it in the config.'
    )


def test(args: argparse.Namespace) -> None:
    """Test with parsed arguments."""
    import mmengine
    from mmengine.runner import Runner

    from poet_mm.checkpoints.safe_load import safe_loading

    with safe_loading(args.trust_pickle):
        cfg = merge_args(cli.load_config(args), args)
        runner = Runner.from_cfg(cfg)
        metrics = runner.test()
    if args.out and runner.rank == 0:
        mmengine.dump(metrics, args.out)


def main() -> None:
    args = cli.start(parse_args())
    from torch.distributed.elastic.multiprocessing.errors import record

    record(test)(args)  # so that torchrun prints the error of a process


if __name__ == '__main__':
    cli.run(main)
