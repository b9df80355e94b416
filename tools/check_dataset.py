"""Say what is wrong or unusual in a data set, before a long training.

    python tools/check_dataset.py ANNOTATIONS.json --images FOLDER \
        --config configs/poet_r50_coco.py --out DIR

Nothing is modified. Exit code 0: nothing is wrong (there may be unusual
things); 1: something is; 2: the file cannot be read or is in no COCO layout.
"""
import argparse
import os.path as osp
import sys

from poet_mm.datasets.inspection.check import (
    Expected,
    check_dataset,
    read_expected,
)
from poet_mm.datasets.inspection.report import (
    format_report,
    summarise,
    write_report,
)
from poet_mm.errors import DataFault, UserError


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('ann_file', help="annotation file in COCO's layout")
    parser.add_argument(
        '--images', metavar='DIR',
        help='folder of the images, to look at the header of every file')
    parser.add_argument(
        '--decode', action='store_true',
        help='read every pixel, too: finds damaged images, and takes longer')
    parser.add_argument(
        '--config',
        help='config to train with (file, or name of one in configs/) or '
        'metainfo file: its joints and number of queries are expected')
    parser.add_argument(
        '--out', metavar='DIR',
        help='write dataset.png, .pdf and .json (up to 1,000 examples each)')
    args = parser.parse_args()
    if args.decode and args.images is None:
        parser.error('--decode needs --images')
    return args


def run(args: argparse.Namespace) -> bool:
    """Check, print and write; -> whether something is wrong."""
    if not osp.isfile(args.ann_file):
        raise UserError(f'There is no file {args.ann_file}.')
    if args.images is not None and not osp.isdir(args.images):
        raise UserError(f'There is no folder {args.images}.')
    expected = Expected()
    if args.config is not None:
        expected = read_expected(args.config)
    table, findings = check_dataset(args.ann_file, args.images, expected,
                                    args.decode)
    summary = summarise(table)
    unchecked = '' if args.images else 'Images not looked at (--images).'
    print(format_report(summary, findings, unchecked))
    if args.out is not None:
        files = write_report(summary, findings, osp.basename(args.ann_file),
                             expected.num_queries, args.out)
        print('Written:', *files)
    return any(finding.wrong for finding in findings)


def main() -> int:
    """The exit code."""
    args = parse_args()
    try:
        return int(run(args))
    except (UserError, DataFault, OSError) as error:
        print(f'check_dataset.py: {error}', file=sys.stderr)
        return 2


if __name__ == '__main__':
    sys.exit(main())
