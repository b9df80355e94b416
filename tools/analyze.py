"""Draw the paper's figures from any checkpoint.

    python tools/analyze.py predictions CONFIG CHECKPOINT --data-root COCO
    python tools/analyze.py report CONFIG CHECKPOINT --data-root COCO
    python tools/analyze.py curves WORK_DIR [WORK_DIR ...]

Each figure becomes NAME.png and NAME.pdf, the numbers behind it NAME.json and
NAME.csv, and a caption that says what was run NAME.txt.
"""
import argparse
import os.path as osp
import sys
from typing import List, Optional

import numpy as np
from mmengine.config import DictAction

from poet_mm.analysis.attention import AttentionAnalysis
from poet_mm.analysis.centers import CenterAnalysis
from poet_mm.analysis.collect import walk_images
from poet_mm.analysis.curves import analyze_curves
from poet_mm.analysis.layers import LayerAnalysis
from poet_mm.analysis.predictions import PredictionAnalysis
from poet_mm.analysis.report import write_report
from poet_mm.analysis.result import Analysis, Result, write_result
from poet_mm.analysis.session import SPLITS, Session, open_session
from poet_mm.analysis.visibility import VisibilityAnalysis
from poet_mm.checkpoints.safe_load import add_trust_argument, safe_loading
from poet_mm.errors import UserError

# in the order of the report
ANALYSES = dict(
    predictions=(PredictionAnalysis,
                 'best and worst images by OKS, and what went wrong (Fig. 3)'),
    attention=(AttentionAnalysis,
               'what encoder and decoder look at in an image (Fig. 5)'),
    centers=(CenterAnalysis, 'predicted centres and their errors (Fig. 7)'),
    visibility=(VisibilityAnalysis,
                "predicted visibility by COCO's class (Fig. 8)"),
    layers=(LayerAnalysis, 'AP of every decoder layer (Fig. 9)'))


def parse_point(text: str) -> List[float]:
    """'X,Y' -> [x, y]."""
    try:
        x, y = map(float, text.split(','))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f'{text!r} is not X,Y in pixels') from None
    return [x, y]


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """What all but ``curves`` need: a model and images."""
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument(
        '--data-root', help="folder in COCO's layout, for all loaders")
    parser.add_argument(
        '--split', choices=SPLITS, default='test',
        help="images of which of the config's loaders (test); those of train "
        'are not augmented')
    parser.add_argument(
        '--max-images', type=int, metavar='N', help='only the first N images')
    parser.add_argument(
        '--score-thr', type=float, default=0.5, metavar='P',
        help='score from which on a prediction is a person (0.5)')
    parser.add_argument('--device', help='cuda where there is one, else cpu')
    add_trust_argument(parser)
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, default={},
        help='changes to the config, as key=value')


def add_own_arguments(parser: argparse.ArgumentParser, name: str) -> None:
    """What one subcommand needs; ``report`` takes all of them."""
    if name in ('predictions', 'report'):
        parser.add_argument(
            '--examples', type=int, default=4, metavar='N',
            help='how many best and how many worst images are drawn (4)')
    if name in ('attention', 'report'):
        parser.add_argument(
            '--image', help='file, or id of an image of the split; by default '
            'one in which people are found well')
        parser.add_argument(
            '--points', type=parse_point, nargs='+', metavar='X,Y',
            help='where encoder attention is looked at, in pixels of the '
            '--image; by default joints of the people found')
        parser.add_argument(
            '--people', type=int, default=3, metavar='N',
            help='how many people, at most, decoder attention is drawn of (3)')
    if name == 'report':
        parser.add_argument(
            '--work-dir', nargs='+', metavar='WORK_DIR',
            help='work dirs of the training, for the curves; by default the '
            "checkpoint's folder")


def parse_args(argv: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    commands = parser.add_subparsers(
        dest='command', metavar='SUBCOMMAND', required=True)
    helps = {name: text for name, (_, text) in ANALYSES.items()}
    helps['curves'] = 'losses and AP over epochs (Fig. 4, 6)'
    helps['report'] = 'all of these, and one HTML page with them'
    for name, text in helps.items():
        sub = commands.add_parser(name, help=text, description=text)
        if name == 'curves':
            sub.add_argument(
                'work_dir', nargs='+', help='work dirs of tools/train.py')
        else:
            add_common_arguments(sub)
        add_own_arguments(sub, name)
        sub.add_argument(
            '--out', default='work_dirs/analyze', metavar='DIR',
            help='folder for the results (work_dirs/analyze)')
    return parser.parse_args(argv)


def build_analysis(name: str, session: Session,
                   args: argparse.Namespace) -> Analysis:
    """An analysis with its options."""
    cls = ANALYSES[name][0]
    if cls.poet_only and not session.is_poet:
        raise UserError(
            f'{name} shows what only POET has, and the head of this config is '
            f'a {type(session.model.head).__name__}: of its figures only '
            'predictions and curves can be drawn.')
    if name == 'predictions':
        return cls(session, args.examples)
    if name == 'attention':
        if args.points is not None and args.image is None:
            raise UserError('--points are in pixels of --image: give it, too.')
        points = None if args.points is None else np.array(args.points)
        return cls(session, args.image, points, args.people)
    return cls(session)


def run_analyses(analyses: List[Analysis]) -> List[Result]:
    """One pass over the images for all of them."""
    if any(analysis.needs_images for analysis in analyses):
        for record in walk_images(analyses[0].session):
            for analysis in analyses:
                analysis.add(record)
    return [analysis.result() for analysis in analyses]


def run_report(session: Session, args: argparse.Namespace) -> List[Result]:
    """Every figure that can be drawn, and the page."""
    skipped, results = [], []
    work_dirs = args.work_dir or [osp.dirname(osp.abspath(args.checkpoint))]
    try:
        results.append(analyze_curves(work_dirs))
    except UserError as error:
        if args.work_dir:
            raise
        skipped.append(f'No curves: {error} Give --work-dir.')
    names = [
        name for name, (cls, _) in ANALYSES.items()
        if session.is_poet or not cls.poet_only
    ]
    if len(names) < len(ANALYSES):
        skipped.append(
            f'Only POET has {", ".join(sorted(set(ANALYSES) - set(names)))}.')
    results += run_analyses(
        [build_analysis(name, session, args) for name in names])
    for result in results:
        write_result(result, args.out)
    title = f'{osp.basename(args.config)}, {osp.basename(args.checkpoint)}'
    page = write_report(results, skipped, title, args.out)
    for text in skipped:
        print(text, file=sys.stderr)
    print(page)
    return results


def main(argv: Optional[List[str]] = None) -> None:
    args = parse_args(argv)
    if args.command == 'curves':
        results = [analyze_curves(args.work_dir)]
    else:
        with safe_loading(args.trust_pickle):
            session = open_session(args.config, args.checkpoint,
                                   args.data_root, args.split, args.max_images,
                                   args.device, args.cfg_options,
                                   args.score_thr)
        if args.command == 'report':
            run_report(session, args)
            return
        results = run_analyses([build_analysis(args.command, session, args)])
    for result in results:
        print('\n'.join(write_result(result, args.out)))
        print(result.caption)


if __name__ == '__main__':
    try:
        main()
    except UserError as error:
        sys.exit(f'analyze.py: {error}')
