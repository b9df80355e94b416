"""Estimate sigmas from two annotations of the same images and people.

Both files are in COCO's format. Sigmas follow COCO: standard deviation of an
annotator's distance from the ground truth, over the square root of the area
(poet_mm/datasets/sigmas.py has the formula). Intervals are 95 % confidence
intervals by bootstrap over people.

Examples:
  python tools/estimate_sigmas.py anna.json ben.json
  python tools/estimate_sigmas.py anna.json ben.json --out metainfo.py
"""

import argparse
import os.path as osp
from typing import List, Optional

__parse_first__ = True

from poet_mm import cli
from poet_mm.errors import UserError


def parse_args(argv: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(**cli.about(__doc__))
    for name, whose in (('first', 'one annotator'), ('second', 'another')):
        parser.add_argument(
            name,
            metavar=f'{name.upper()}.json',
            help=f'annotations of {whose}',
        )
    parser.add_argument(
        '--out',
        metavar='FILE.py',
        help='metainfo file to write, for --metainfo of the other tools '
        '(default: no file)',
    )
    args = parser.parse_args(argv)
    for path in (args.first, args.second):
        cli.check_file(path, 'file')
    if args.out and osp.exists(args.out):
        raise UserError(
            f'--out {args.out} already exists. Remove it, or name another.'
        )
    return args


def main(argv: Optional[List[str]] = None) -> None:
    args = cli.start(parse_args(argv))
    from tabulate import tabulate

    from poet_mm.datasets.sigmas import compare_annotators, write_sigmas

    sigmas, metainfo, counts = compare_annotators(args.first, args.second)
    print(f'{counts["images"]} common images, {counts["people"]} pairs')
    headers = ['keypoint', 'pairs', 'sigma', '95 % from', 'to']
    print(tabulate(sigmas, headers, floatfmt='.4f', missingval='-'))
    if args.out:
        write_sigmas(sigmas, metainfo, args.out, args.first)


if __name__ == '__main__':
    cli.run(main)
