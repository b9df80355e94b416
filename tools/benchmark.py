"""Measure parts of poet_mm against stock MMPose and MMDetection, in one run.

The parts are the files of tools/benchmarks; without one, all are measured.
Each compares results before it compares times. Uses the GPU if there is one;
CUDA_VISIBLE_DEVICES= forces the CPU.

Examples:
  python tools/benchmark.py --json results.json --page page.md
  python tools/benchmark.py matching step --quick
"""

import argparse
import json
import sys
from importlib import import_module
from pathlib import Path

__parse_first__ = True

import poet_mm
from poet_mm import cli

PARTS = (
    'attention',
    'matching',
    'step',
    'loading',
    'evaluation',
    'inference',
    'peers',
    'allocator',
    'ae',
)


def parse_args(argv=None):
    parser = argparse.ArgumentParser(**cli.about(__doc__))
    parser.add_argument(
        'parts',
        nargs='*',
        metavar='PART',
        help=f'{", ".join(PARTS)} (default: all)',
    )
    parser.add_argument('--quick', action='store_true', help='fewer cases')
    parser.add_argument(
        '--seconds',
        type=float,
        default=3,
        metavar='S',
        help='seconds for each side of a case, or one call if it takes longer',
    )
    parser.add_argument(
        '--threads',
        type=int,
        metavar='N',
        help="threads of torch (default: the part's own)",
    )
    parser.add_argument(
        '--data-root',
        metavar='DIR',
        help='folder of COCO for loading (default: synthetic people)',
    )
    parser.add_argument(
        '--json',
        type=Path,
        metavar='FILE',
        help='write all rows as JSON (default: none)',
    )
    parser.add_argument(
        '--page',
        type=Path,
        metavar='FILE',
        help='write tables in Markdown, a figure beside it (default: none)',
    )
    args = parser.parse_args(argv)
    unknown = sorted({*args.parts} - {*PARTS})
    if unknown:
        parser.error(f'no part {", ".join(unknown)}, only {", ".join(PARTS)}')
    args.parts = args.parts or PARTS
    return args


def run_part(name, args):
    """Run one part; return what is written for it."""
    import torch

    part = import_module(f'benchmarks.{name}')
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    threads = args.threads or part.THREADS or torch.get_num_threads()
    torch.manual_seed(0)
    print(f'\n{name}, {threads} thread(s)', flush=True)
    rows = part.run(
        argparse.Namespace(
            **{**vars(args), 'device': device, 'threads': threads}
        )
    )
    return dict(about=part.__doc__.strip(), threads=threads, rows=rows)


def main():
    args = parse_args()
    poet_mm.register()
    from benchmarks.machine import commit, describe_machine
    from benchmarks.page import machine, write_page
    from mmengine.registry import init_default_scope

    init_default_scope('mmpose')
    results = dict(
        command=' '.join(['python tools/benchmark.py', *sys.argv[1:]]),
        commit=commit(),
        machine=describe_machine(),
        parts={},
    )
    print(machine(results))
    for name in args.parts:
        results['parts'][name] = run_part(name, args)
        if args.json:
            args.json.write_text(json.dumps(results, indent=1))
    if args.page:
        write_page(results, args.page)


if __name__ == '__main__':
    cli.run(main)
