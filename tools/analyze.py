"""Draw the paper's figures from a checkpoint.

Each figure is written to NAME.png and NAME.pdf, the numbers behind it to
NAME.json and NAME.csv, and its caption to NAME.txt.

Examples:
  python tools/analyze.py report CONFIG CHECKPOINT --data-root COCO
  python tools/analyze.py curves WORK_DIR WORK_DIR
"""

import argparse
import os.path as osp
import sys
from importlib import import_module
from typing import TYPE_CHECKING, List, Optional

__parse_first__ = True

from poet_mm import cli
from poet_mm.errors import UserError
from poet_mm.utils.layouts import check_data_root

if TYPE_CHECKING:
    from poet_mm.analysis.result import Analysis, Result
    from poet_mm.analysis.session import Session

PRECISIONS = (0.5, 0.7, 0.9)  # of hidden keypoints, for thresholds

# Map each module of poet_mm/analysis to its help text, in the order of the
# report.
ANALYSES = dict(
    predictions='best and worst images by OKS, and errors of people (Fig. 3)',
    attention='attention of encoder and decoder in an image (Fig. 5)',
    centers='predicted centres and their errors (Fig. 7)',
    visibility="predicted visibility by COCO's class (Fig. 8)",
    layers='AP of every decoder layer (Fig. 9)',
    keypoints="errors and AP of every keypoint, by COCO's v",
)
COMMANDS = dict(
    **ANALYSES,
    curves='losses and AP over epochs (Fig. 4, 6)',
    report='all of these figures, on one HTML page',
)


def parse_point(text: str) -> List[float]:
    """Convert 'X,Y' to [x, y]."""
    try:
        x, y = map(float, text.split(','))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f'got {text!r}, expected X,Y in pixels'
        ) from None
    return [x, y]


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of a model and its images."""
    parser.add_argument(
        'config',
        metavar='CONFIG',
        help='config file, or name of one in configs/',
    )
    parser.add_argument(
        'checkpoint', metavar='CHECKPOINT', help='checkpoint file or URL'
    )
    parser.add_argument(
        '--data-root',
        metavar='DIR',
        help="folder in COCO's layout, for all loaders (default: those of the "
        'config)',
    )
    parser.add_argument(
        '--split',
        choices=['val', 'train', 'test'],
        default='test',
        help='loader of the config that has the images; those of train are '
        'not augmented',
    )
    parser.add_argument(
        '--max-images',
        type=int,
        metavar='N',
        help='use only the first N images (default: all)',
    )
    parser.add_argument(
        '--score-thr',
        type=float,
        metavar='P',
        help='minimum score of a person, in [0, 1] (default: that of the '
        'checkpoint, else 0.5)',
    )
    parser.add_argument(
        '--device',
        help='cpu, cuda, cuda:1, ... (default: a GPU if there is one)',
    )
    cli.add_trust_argument(parser)
    cli.add_options_argument(parser)


def add_own_arguments(parser: argparse.ArgumentParser, name: str) -> None:
    """Add the arguments of one subcommand, or of all for ``report``."""
    if name in ('predictions', 'report'):
        parser.add_argument(
            '--examples',
            type=int,
            default=4,
            metavar='N',
            help='number of best images, and of worst ones, to draw',
        )
    if name in ('visibility', 'report'):
        parser.add_argument(
            '--precision',
            type=float,
            nargs='+',
            default=PRECISIONS,
            metavar='P',
            help='wanted shares of hidden keypoints among the labelled ones '
            'below a threshold, in (0, 1]',
        )
    if name in ('attention', 'report'):
        parser.add_argument(
            '--image',
            help='file, or id of an image of the split (default: an image '
            'whose people are found well)',
        )
        parser.add_argument(
            '--points',
            type=parse_point,
            nargs='+',
            metavar='X,Y',
            help='points to draw encoder attention of, in pixels of --image '
            '(default: keypoints of the people found)',
        )
        parser.add_argument(
            '--people',
            type=int,
            default=3,
            metavar='N',
            help='largest number of people to draw decoder attention of',
        )
    if name == 'report':
        parser.add_argument(
            '--work-dir',
            nargs='+',
            metavar='WORK_DIR',
            help='work dirs of trainings, for the curves (default: the '
            "checkpoint's folder)",
        )


def parse_args(argv: Optional[List[str]] = None) -> argparse.Namespace:
    """Parse the command line and check the files that it names."""
    parser = argparse.ArgumentParser(**cli.about(__doc__))
    commands = parser.add_subparsers(
        dest='command', metavar='SUBCOMMAND', required=True
    )
    for name, text in COMMANDS.items():
        sub = commands.add_parser(
            name, help=text, **cli.about(f'{text}\n\n{examples(name)}')
        )
        if name == 'curves':
            sub.add_argument(
                'work_dir',
                nargs='+',
                metavar='WORK_DIR',
                help='work dirs of tools/train.py',
            )
        else:
            add_common_arguments(sub)
        add_own_arguments(sub, name)
        sub.add_argument(
            '--out',
            default='work_dirs/analyze',
            metavar='DIR',
            help='folder for the results',
        )
    args = parser.parse_args(argv)
    check_args(args)
    return args


def examples(name: str) -> str:
    """Return two commands of a subcommand."""
    command = f'  python tools/analyze.py {name}'
    if name == 'curves':
        return f'Examples:\n{command} WORK_DIR\n{command} A B --out DIR'
    return (
        f'Examples:\n{command} CONFIG CHECKPOINT --data-root COCO\n'
        f'{command} CONFIG CHECKPOINT --split val --max-images 100'
    )


def check_args(args: argparse.Namespace) -> None:
    """Check the files, folders and options that the arguments name."""
    if args.command == 'curves':
        for folder in args.work_dir:
            if not osp.isdir(folder):
                raise UserError(f'There is no work dir {folder}.')
        return
    cli.check_common_arguments(args)
    if args.data_root is not None:
        check_data_root(args.data_root)
    cli.check_checkpoint(args.checkpoint)
    for precision in getattr(args, 'precision', ()):
        if not 0 < precision <= 1:
            raise UserError(
                f'--precision is {precision:g}, expected more than 0 and at '
                'most 1.'
            )
    if getattr(args, 'points', None) and args.image is None:
        raise UserError(
            '--points are in pixels of --image. Give --image, too.'
        )


def analysis_class(name: str) -> type:
    """Import the class of an analysis."""
    module = import_module(f'poet_mm.analysis.{name}')
    return getattr(module, f'{name.capitalize()}Analysis')


def build_analysis(
    name: str, session: 'Session', args: argparse.Namespace
) -> 'Analysis':
    """Build an analysis with its options."""
    cls = analysis_class(name)
    if cls.poet_only and not session.is_poet:
        raise UserError(
            f'{name} needs a POET, and the head of this config is a '
            f'{type(session.model.head).__name__}. Draw predictions, '
            'keypoints or curves instead.'
        )
    if name == 'predictions':
        return cls(session, args.examples)
    if name == 'visibility':
        return cls(session, args.precision)
    if name == 'attention':
        return cls(session, args.image, args.points, args.people)
    return cls(session)


def run_analyses(
    names: List[str], session: 'Session', args: argparse.Namespace
) -> List['Result']:
    """Run several analyses in one pass over the images."""
    from poet_mm.analysis.collect import walk_images

    analyses = [build_analysis(name, session, args) for name in names]
    if any(analysis.needs_images for analysis in analyses):
        for record in walk_images(session):
            for analysis in analyses:
                analysis.add(record)
    return [analysis.result() for analysis in analyses]


def run_report(session: 'Session', args: argparse.Namespace) -> None:
    """Draw every figure that can be drawn, and write the page."""
    from poet_mm.analysis.curves import analyze_curves
    from poet_mm.analysis.report import write_report
    from poet_mm.analysis.result import write_result

    skipped, results = [], []
    work_dirs = args.work_dir or [osp.dirname(osp.abspath(args.checkpoint))]
    try:
        results.append(analyze_curves(work_dirs))
    except UserError as error:
        if args.work_dir:
            raise
        skipped.append(f'No curves: {error} Give --work-dir.')
    names = list(ANALYSES)
    if not session.is_poet:
        names = [name for name in names if not analysis_class(name).poet_only]
        others = ', '.join(sorted(set(ANALYSES) - set(names)))
        skipped.append(f'Skipped {others}: they need a POETHead.')
    results += run_analyses(names, session, args)
    for result in results:
        write_result(result, args.out)
    title = f'{osp.basename(args.config)}, {osp.basename(args.checkpoint)}'
    page = write_report(results, skipped, title, args.out)
    for text in skipped:
        print(text, file=sys.stderr)
    print(page)


def main(argv: Optional[List[str]] = None) -> None:
    """Run a subcommand and print the files that it writes."""
    args = cli.start(parse_args(argv))
    from poet_mm.analysis.curves import analyze_curves
    from poet_mm.analysis.result import write_result
    from poet_mm.analysis.session import open_session
    from poet_mm.checkpoints.safe_load import safe_loading

    if args.command == 'curves':
        results = [analyze_curves(args.work_dir)]
    else:
        with safe_loading(args.trust_pickle):
            session = open_session(
                args.config,
                args.checkpoint,
                args.data_root,
                args.split,
                args.max_images,
                args.device,
                args.cfg_options,
                args.score_thr,
            )
        if args.command == 'report':
            run_report(session, args)
            return
        results = run_analyses([args.command], session, args)
    for result in results:
        print('\n'.join(write_result(result, args.out)))
        print(result.caption)


if __name__ == '__main__':
    cli.run(main)
