"""Report what is wrong or unusual in a data set, before a long training.

No file is modified. Exit code 0: nothing is wrong, though things may be
unusual; 1: something is wrong; 2: the file cannot be read or has another
layout than COCO's.

Examples:
  python tools/check_dataset.py ANNOTATIONS.json --images FOLDER
  python tools/check_dataset.py ANNOTATIONS.json --config poet_r50_coco
"""

import argparse
import os.path as osp
import sys

__parse_first__ = True

from poet_mm import cli
from poet_mm.errors import UserError
from poet_mm.utils.config import find_config
from poet_mm.utils.files import explain_write_errors


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(**cli.about(__doc__))
    parser.add_argument('ann_file', help="annotation file in COCO's layout")
    parser.add_argument(
        '--images',
        metavar='DIR',
        help='folder of the images: check the header of every file '
        '(default: images are not checked)',
    )
    parser.add_argument(
        '--decode',
        action='store_true',
        help='also read every pixel: finds damaged images, and takes longer',
    )
    parser.add_argument(
        '--config',
        help='config to train with (file, or name of one in configs/) or '
        'metainfo file, whose keypoints and number of queries are expected '
        '(default: keypoints of the file, 25 queries)',
    )
    parser.add_argument(
        '--out',
        metavar='DIR',
        help='write dataset.png, .pdf and .json, up to 1,000 examples of each '
        'finding (default: only print)',
    )
    args = parser.parse_args()
    if args.decode and args.images is None:
        parser.error('--decode needs --images')
    cli.check_file(args.ann_file, 'file')
    if args.images is not None and not osp.isdir(args.images):
        raise UserError(f'There is no folder {args.images}.')
    if args.config is not None:
        find_config(args.config)
    return args


def check() -> int:
    """Check, print and write; return 1 if something is wrong, else 0."""
    args = cli.start(parse_args())
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

    expected = read_expected(args.config) if args.config else Expected()
    table, findings = check_dataset(
        args.ann_file, args.images, expected, args.decode
    )
    summary = summarise(table)
    unchecked = '' if args.images else 'Images were not checked (--images).'
    print(format_report(summary, findings, unchecked))
    if args.out is not None:
        with explain_write_errors(args.out):
            files = write_report(
                summary,
                findings,
                osp.basename(args.ann_file),
                expected.num_queries,
                args.out,
            )
        print('Written:', *files)
    return int(any(finding.wrong for finding in findings))


def main() -> int:
    return cli.run(check, code=2)


if __name__ == '__main__':
    sys.exit(main())
