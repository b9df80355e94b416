"""Make a checkpoint small and safe to publish.

The target poet_r50.pth becomes poet_r50-0123abcd.pth, named by the beginning
of the file's SHA-256. It holds weights (with EMA the averaged ones), config,
metainfo and versions, but no optimizer and logs. Absolute paths are shortened:
the data root becomes data/ (change it with --data-root of test.py). Settings
of the run, such as its work dir, are removed. The file has tensors, numbers
and strings only: ``torch.load(weights_only=True)`` reads it on every version
of torch, and ``POETInferencer(None, FILE)`` needs nothing else.

Examples:
  python tools/publish_model.py work_dirs/poet/epoch_300.pth poet_r50.pth
  python tools/publish_model.py CHECKPOINT poet_r50.pth --half
"""

import argparse
import os.path as osp

__parse_first__ = True

from poet_mm import cli


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(**cli.about(__doc__))
    parser.add_argument('source', metavar='SRC', help='checkpoint file')
    parser.add_argument(
        'target', metavar='DST', help='file to write, NAME.pth'
    )
    parser.add_argument(
        '--half',
        action='store_true',
        help='round the weights to float16: half the size, other results by '
        'about 1 in 1,000',
    )
    parser.add_argument(
        '--visibility-temperature',
        type=float,
        metavar='T',
        help='store the temperature that tools/analyze.py visibility fitted; '
        'infer.py --calibrate applies it (default: that of SRC, if any)',
    )
    parser.add_argument(
        '--score-thr',
        type=float,
        metavar='P',
        help='store the lowest score of a person for inference and '
        'analysis, in [0, 1] (default: that of SRC, if any; else it is 0.5)',
    )
    cli.add_trust_argument(parser)
    args = parser.parse_args()
    cli.check_source(args.source)
    return args


def main() -> None:
    args = cli.start(parse_args())
    from poet_mm.checkpoints.publish import publish
    from poet_mm.checkpoints.safe_load import safe_loading

    with safe_loading(args.trust_pickle):
        path = publish(
            args.source,
            args.target,
            args.half,
            args.visibility_temperature,
            args.score_thr,
        )
    before, after = (osp.getsize(name) / 1e6 for name in (args.source, path))
    print(f'{path}: {after:.1f} MB (from {before:.1f} MB)')


if __name__ == '__main__':
    cli.run(main)
