"""Measure our parts against what users have without them, in one run.

With a file of this machine's results as --json, a part that is named renews
its rows in it; the page then tells the command of that part. On a machine
with a GPU it measures that; CUDA_VISIBLE_DEVICES= hides it. The parts are the
files of tools/benchmarks. Each compares results before it compares times.

Examples:
  python tools/benchmark.py --all --json results.json --figure scaling.png
  python tools/benchmark.py matching --quick --people 130
"""
import argparse
import ast
import json
import os
import platform
import re
import sys
from importlib import import_module
from pathlib import Path

__parse_first__ = True

import poet_mm
from poet_mm import cli


def even(text):
    """Read a positive even number; else argparse tells that it got none."""
    number = int(text)
    if number < 2 or number % 2:
        raise ValueError
    return number


def argument(name, default, text, **more):
    """Return a flag with a number, or with several."""
    if isinstance(default, list):
        more['nargs'] = '+'
    return f'--{name}', dict(
        dict(type=int, default=default, metavar='N', help=text), **more)


# Part, a file of tools/benchmarks: its own arguments.
PARTS = dict(
    attention=[
        argument('tokens', [256, 850, 1024, 3350, 4096, 16384],
                 'tokens of an image'),
        argument('images', 2, 'images in a batch')
    ],
    matching=[
        argument('layers', 6, 'decoder layers'),
        argument('images', 32, 'images in a batch'),
        argument('queries', 100, 'queries of an image'),
        argument('people', 130, 'people in a batch'),
        argument('keypoints', 17, 'keypoints of a person')
    ],
    step=[
        argument('sizes', [128, 512, 1333], 'size of the images in pixels',
                 choices=(128, 512, 1333), metavar=None),
        argument('images', 2, 'images in a batch: 2, 4, ...', type=even)
    ],
    fast=[
        argument('sizes', [128, 512], 'size of the images in pixels',
                 choices=(128, 512), metavar=None),
        argument('images', 2, 'images in a batch: 2, 4, ...', type=even)
    ],
    options=[argument('images', 2, 'images in a batch: 2, 4, ...', type=even)],
    loading=[
        argument('data-root', None, 'folder of COCO (default: noise)',
                 type=str, metavar='DIR'),
        argument('images', 32, 'number of images')
    ],
    evaluation=[
        argument('images', 5000, 'number of images, as in val2017'),
        argument('queries', 25, 'queries of an image')
    ],
    inference=[argument('images', [1, 8], 'images in a batch')],
    ae=[
        argument('images', 24, 'images in a batch'),
        argument('people', [1, 4, 13, 30], 'people in an image')
    ])


def read_doc(name):
    """Return the docstring of a part, which is not imported for that."""
    path = Path(__file__).with_name('benchmarks') / f'{name}.py'
    return ast.get_docstring(ast.parse(path.read_text(encoding='utf-8')))


def add_common_arguments(parser, **default):
    """Add what may stand before and after the name of a part."""
    parser.add_argument(
        '--quick', action='store_true',
        help='fewer cases and repeats (default: off)', **default)
    parser.add_argument(
        '--repeat', type=int, metavar='N',
        help='calls that are timed (default: 10, with --quick 3)', **default)
    parser.add_argument(
        '--threads', type=int, metavar='N',
        help="threads of torch (default: the part's own)", **default)
    for flag, text in (
        ('--json', 'write all rows as JSON'),
        ('--figure', 'draw time and memory against tokens'),
        ('--page', 'write tables in Markdown'),
        ('--readme', 'renew the tables in this file')):
        parser.add_argument(
            flag, type=Path, metavar='FILE', help=f'{text} (default: none)',
            **default)


def parse_args(argv=None):
    """Return the arguments of each part by its name, and the common ones."""
    parser = argparse.ArgumentParser(**cli.about(__doc__))
    parser.add_argument('--all', action='store_true', help='every part')
    add_common_arguments(parser)
    subparsers = parser.add_subparsers(dest='part', metavar='PART')
    for name, own in PARTS.items():
        doc, command = read_doc(name), f'  python tools/benchmark.py {name}'
        sub = subparsers.add_parser(
            name,
            help=' '.join(re.split(r'\.\s', doc)[0].split()),
            **cli.about(f'{doc}\nExamples:\n{command}\n'
                        f'{command} --quick --json results.json'))
        for flag, settings in own:
            sub.add_argument(flag, **settings)
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
    """Set the default that depends on another argument."""
    if args.repeat is None:
        args.repeat = 3 if args.quick else 10
    return args


def describe_machine():
    """Return what the figures depend on."""
    import torch
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
    """Run one part; return what is written for it."""
    import torch
    from benchmarks.report import print_rows
    part = import_module(f'benchmarks.{name}')
    args.device = 'cuda' if torch.cuda.is_available() else 'cpu'
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
    """Return those of a file, if it is there and of the same machine and
    versions; else ``results``."""
    from benchmarks.report import machine
    if path is None or not path.is_file():
        return results
    earlier = json.loads(path.read_text())
    if earlier['machine'] != results['machine']:
        sys.exit(f'{path} is of another machine ({machine(earlier)}): name '
                 'another file, or measure --all.')
    return earlier


def main():
    parts, common = parse_args()
    poet_mm.register()
    from benchmarks.report import (
        machine,
        read_rows,
        write_page,
        write_readme,
    )
    from mmengine.registry import init_default_scope
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
        from benchmarks.scaling import draw_scaling
        draw_scaling(read_rows(results, 'attention'), common.figure)
    if common.page:
        write_page(results, common.page)
    if common.readme:
        write_readme(results, common.readme)


if __name__ == '__main__':
    cli.run(main)
