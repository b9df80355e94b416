"""Our parts against what users have without them, in one run.

    python tools/benchmark.py PART [options of the part]
    python tools/benchmark.py --all --quick
    python tools/benchmark.py --all --json results.json --figure scaling.png

With a file of this machine's results as ``--json``, a part that is named
renews its rows in it; the page then tells the command of that part.
On a machine with a GPU it measures that; CUDA_VISIBLE_DEVICES= hides it.
The parts are the files of ``tools/benchmarks``. Each compares results before
it compares times.
"""
import argparse
import json
import os
import platform
import sys
from pathlib import Path

import torch
from benchmarks import (
    ae,
    attention,
    evaluation,
    fast,
    inference,
    loading,
    matching,
    options,
    step,
)
from benchmarks.report import (
    machine,
    print_rows,
    read_rows,
    write_page,
    write_readme,
)
from benchmarks.scaling import draw_scaling
from mmengine.registry import init_default_scope

import poet_mm

PARTS = dict(
    attention=attention,
    matching=matching,
    step=step,
    fast=fast,
    options=options,
    loading=loading,
    evaluation=evaluation,
    inference=inference,
    ae=ae)


def add_common_arguments(parser, **default):
    """Arguments that may stand before and after the name of a part."""
    parser.add_argument(
        '--quick', action='store_true', help='fewer cases and repeats',
        **default)
    parser.add_argument(
        '--repeat', type=int, help='calls that are timed (10; quick: 3)',
        **default)
    parser.add_argument(
        '--threads', type=int, help="of torch; default: the part's own",
        **default)
    parser.add_argument('--json', type=Path, help='write all rows', **default)
    parser.add_argument(
        '--figure', type=Path, help='draw time and memory against tokens',
        **default)
    parser.add_argument(
        '--page', type=Path, help='write tables in Markdown', **default)
    parser.add_argument(
        '--readme', type=Path, help='renew the tables in this file', **default)


def parse_args(argv=None):
    """-> {name of a part: its arguments}, common arguments."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--all', action='store_true', help='every part')
    add_common_arguments(parser)
    subparsers = parser.add_subparsers(dest='part', metavar='PART')
    for name, part in PARTS.items():
        sub = subparsers.add_parser(
            name,
            help=' '.join(part.__doc__.split('.')[0].split()),
            description=part.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter)
        part.add_arguments(sub)
        add_common_arguments(sub, default=argparse.SUPPRESS)
    common = argv = sys.argv[1:] if argv is None else argv
    args = parser.parse_args(common)
    if args.all == bool(args.part):
        parser.error(f'name one part ({", ".join(PARTS)}) or give --all')
    if not args.all:
        return {args.part: complete(args)}, args
    flags = [flag for flag in argv if flag != '--all']
    return {
        name: complete(parser.parse_args([*flags, name]))
        for name in PARTS
    }, args


def complete(args):
    """Defaults that depend on other arguments and on the machine."""
    if args.repeat is None:
        args.repeat = 3 if args.quick else 10
    args.device = 'cuda' if torch.cuda.is_available() else 'cpu'
    return args


def describe_machine():
    """What the figures depend on."""
    gpu = torch.cuda.is_available() and torch.cuda.get_device_name()
    return dict(
        cpu=cpu_name(),
        cores=len(os.sched_getaffinity(0)) if hasattr(
            os, 'sched_getaffinity') else os.cpu_count(),
        gpu=gpu or 'none',
        python=platform.python_version(),
        torch=torch.__version__,
        poet_mm=poet_mm.__version__)


def cpu_name():
    try:
        lines = Path('/proc/cpuinfo').read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [x.split(':')[1].strip() for x in lines if 'model name' in x]
    return names[0] if names else platform.machine()


def run_part(name, args):
    """-> what is written for one part."""
    part = PARTS[name]
    threads = args.threads or part.THREADS or torch.get_num_threads()
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    print(f'\n{name}, {threads} thread(s)', flush=True)
    try:
        rows = part.run(args)
    finally:
        torch.set_num_threads(before)
    print_rows(rows)
    return dict(
        about=part.__doc__.strip(),
        threads=threads,
        rows=[row.as_dict() for row in rows])


def earlier_results(path, results):
    """Those of a file, if it is there and of the same machine and versions;
    else ``results``."""
    if path is None or not path.is_file():
        return results
    earlier = json.loads(path.read_text())
    if earlier['machine'] != results['machine']:
        sys.exit(f'{path} is of another machine ({machine(earlier)}): name '
                 'another file, or measure --all.')
    return earlier


def main():
    parts, common = parse_args()
    init_default_scope('mmpose')
    command = ' '.join(['python tools/benchmark.py', *sys.argv[1:]])
    results = dict(command=command, machine=describe_machine(), parts={})
    print(machine(results))
    if not common.all:
        results = earlier_results(common.json, results)
    for name, args in parts.items():
        results['parts'][name] = run_part(name, args)
        if command != results['command']:
            results['parts'][name]['command'] = command
        if common.json:
            common.json.write_text(json.dumps(results, indent=1))
    if common.figure:
        draw_scaling(read_rows(results, 'attention'), common.figure)
    if common.page:
        write_page(results, common.page)
    if common.readme:
        write_readme(results, common.readme)


if __name__ == '__main__':
    main()
