"""Report what is wrong or unusual in a data set, before a long training.

No file is modified. Exit code 0: nothing is wrong, though things may be
unusual; 1: something is wrong; 2: the file cannot be read or has another
layout than COCO's.

Examples:
  python tools/check_dataset.py ANNOTATIONS.json --images FOLDER
  python tools/check_dataset.py --data-root COCO_ROBOFLOW_OR_CVAT --out DIR
"""

import argparse
import os.path as osp
import sys
from typing import TYPE_CHECKING, Optional

__parse_first__ = True

from poet_mm import cli
from poet_mm.errors import UserError
from poet_mm.utils.config import find_config
from poet_mm.utils.files import explain_write_errors
from poet_mm.utils.layouts import coco_splits

if TYPE_CHECKING:
    from poet_mm.datasets.inspection.check import Expected


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(**cli.about(__doc__))
    parser.add_argument(
        'ann_file',
        nargs='?',
        metavar='FILE',
        help="annotation file in COCO's layout (default: those of the "
        'options of train.py below)',
    )
    parser.add_argument(
        '--images',
        metavar='DIR',
        help='folder of the images of FILE: check the header of every image '
        '(default: images are not checked)',
    )
    cli.add_data_arguments(parser)
    parser.add_argument(
        '--decode',
        action='store_true',
        help='also read every pixel: finds damaged images, and takes longer',
    )
    parser.add_argument(
        '--config',
        help='config to train with (file, or name of one in configs/) or '
        'metainfo file, whose keypoints (of FILE) and number of queries are '
        'expected (default: keypoints of the file, 25 queries)',
    )
    parser.add_argument(
        '--out',
        metavar='DIR',
        help='write dataset.png, .pdf and .json, up to 1,000 examples of each '
        'finding, into DIR or, of several files, DIR/SPLIT (default: only '
        'print)',
    )
    args = parser.parse_args()
    cli.check_data_arguments(args, [])
    if args.data_root is not None and not args.splits:
        args.splits = coco_splits(args.data_root)
    if args.ann_file is not None:
        cli.check_file(args.ann_file, 'file')
    if bool(args.ann_file) == bool(args.splits):
        parser.error('give FILE, or --data-root, --train-ann or --val-ann')
    if args.decode and args.images is None and not args.splits:
        parser.error('--decode needs --images')
    if args.images is not None and not osp.isdir(args.images):
        raise UserError(f'There is no folder {args.images}.')
    if args.config is not None:
        find_config(args.config)
    return args


def read_skeleton(args: argparse.Namespace) -> 'Expected':
    """Return the keypoints and number of queries that training expects."""
    from poet_mm.datasets.inspection.check import Expected, read_expected
    from poet_mm.datasets.skeleton import common_category, names_of

    expected = read_expected(args.config) if args.config else Expected()
    looks = [split.look for split in args.splits.values()]
    category = common_category(looks[:1])  # the others are compared with it
    if args.metainfo is not None:
        expected.keypoint_names = read_expected(args.metainfo).keypoint_names
    elif category is not None:
        expected.keypoint_names = names_of(category)
    return expected


def check_file(
    ann_file: str,
    images: Optional[str],
    expected: 'Expected',
    decode: bool,
    out: Optional[str],
) -> bool:
    """Check, print and write; return whether something is wrong."""
    from poet_mm.datasets.inspection.check import check_dataset
    from poet_mm.datasets.inspection.report import (
        format_report,
        summarise,
        write_report,
    )

    table, findings = check_dataset(ann_file, images, expected, decode)
    summary = summarise(table)
    unchecked = '' if images else 'Images were not checked (--images).'
    print(format_report(summary, findings, unchecked))
    if out is not None:
        with explain_write_errors(out):
            files = write_report(
                summary,
                findings,
                osp.basename(ann_file),
                expected.num_queries,
                out,
            )
        print('Written:', *files)
    return any(finding.wrong for finding in findings)


def check() -> int:
    """Check all files; return 1 if something is wrong, else 0."""
    args = cli.start(parse_args())
    expected = read_skeleton(args)
    if args.ann_file is not None:
        return int(
            check_file(
                args.ann_file, args.images, expected, args.decode, args.out
            )
        )
    wrong = []
    for name, split in args.splits.items():
        print(f'\n{name}: {split}')
        out = args.out and osp.join(args.out, name)
        wrong.append(
            check_file(
                split.ann_file, split.images, expected, args.decode, out
            )
        )
    return int(any(wrong))


def main() -> int:
    return cli.run(check, code=2)


if __name__ == '__main__':
    sys.exit(main())
