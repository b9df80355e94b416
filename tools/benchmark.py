"""Our parts against what users have without them, in one run.

    python tools/benchmark.py PART

The parts are the files of ``tools/benchmarks``.
"""
import argparse
import platform

import torch
from benchmarks import ae, matching
from mmengine.registry import init_default_scope

import poet_mm  # noqa: F401

PARTS = dict(matching=matching, ae=ae)


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parts = parser.add_subparsers(dest='part', required=True)
    for name, part in PARTS.items():
        sub = parts.add_parser(
            name,
            help=part.__doc__.split('.')[0],
            description=part.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter)
        part.add_arguments(sub)
        sub.add_argument('--repeat', type=int, default=10)
        sub.add_argument('--threads', type=int, default=1)
    return parser.parse_args()


def main():
    args = parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(args.threads)
    init_default_scope('mmpose')
    print(f'{platform.machine()}, torch {torch.__version__}, '
          f'{args.threads} thread(s), CPU')
    PARTS[args.part].run(args)


if __name__ == '__main__':
    main()
