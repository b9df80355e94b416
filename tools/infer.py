r"""Find people in images, folders, videos and cameras, and draw them.

Without --model and --weights it takes the default model, which is in the
repository. Others are downloaded once (tools/download.py lists the zoo). The
folder --out gets pictures/, videos/ and gallery.html, a page that shows all of
them, with --save-json COCO's results and with --save-csv tables of keypoints.
Pictures with a side below 400 pixels are enlarged before people are drawn;
results stay in pixels of the input. A camera is recorded until Ctrl-C.

Exit codes:
  0    no failures
  1    an input failed, or a video was truncated; stderr has one line for each
  2    no result, and no folder: a wrong argument, no readable input, or the
       network failed on the first images
  130  stopped by Ctrl-C; results so far are kept

Examples:
  python tools/infer.py photo.jpg
  python tools/infer.py photos/ 'more/*.png' film.mp4 webcam:0 \
      --weights CHECKPOINT --config poet_r50_coco --out DIR --save-json
"""

import argparse
import os
import sys
from functools import partial
from typing import TYPE_CHECKING, Callable, Iterator, List, Tuple

__parse_first__ = True
# Set before cv2 is imported: this tool reports broken files itself.
os.environ.setdefault('OPENCV_LOG_LEVEL', 'SILENT')

from poet_mm import cli
from poet_mm.errors import EveryImageFails, UserError
from poet_mm.utils.files import explain_write_errors

if TYPE_CHECKING:
    from poet_mm.apis import POETInferencer
    from poet_mm.apis.result_folder import ResultFolder

PARTS = ('skeleton', 'centers', 'offsets', 'visibility')  # of POETVisualizer
MIN_SIDE = 400  # pixels; smaller pictures are enlarged


def parse_args(argv=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(**cli.about(__doc__))
    add = parser.add_argument
    add(
        'inputs',
        nargs='+',
        metavar='INPUT',
        help='image, folder, glob, video, webcam or webcam:N',
    )
    cli.add_model_arguments(parser)
    add(
        '--out',
        default='work_dirs/people',
        metavar='DIR',
        help='folder for the results',
    )
    add(
        '--draw',
        default='skeleton,visibility',
        metavar='PART,PART',
        help=f'parts to draw, of {",".join(PARTS)}; with visibility, '
        'keypoints that are predicted not visible are hollow',
    )
    add(
        '--save-json',
        action='store_true',
        help="also write COCO's results: people.json, videos/NAME.json",
    )
    add(
        '--save-csv',
        action='store_true',
        help='also write one row per keypoint: people.csv, videos/NAME.csv',
    )
    add(
        '--fps',
        type=float,
        help='frames per second of written videos (default: as the input)',
    )
    add(
        '--batch-size',
        type=int,
        default=1,
        metavar='N',
        help='images per pass through the network',
    )
    add(
        '--score-thr',
        type=float,
        metavar='P',
        help='leave out people with a score, in [0, 1], below P (default: '
        'that of the checkpoint, else 0.5)',
    )
    add(
        '--kpt-thr',
        type=float,
        metavar='P',
        help='do not draw keypoints with a score, in [0, 1], below P '
        '(default: 0 if visibility is drawn, because hidden keypoints have '
        'low scores, else 0.3)',
    )
    add(
        '--calibrate',
        action='store_true',
        help="apply the checkpoint's temperature to visibility and to "
        'keypoint scores (tools/publish_model.py stores one)',
    )
    args = parser.parse_args(argv)
    check_args(parser, args)
    return args


def check_args(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """Check the values, and split ``args.draw`` into its parts."""
    args.draw = args.draw.split(',')
    for part in args.draw:
        if part not in PARTS:
            parser.error(f'--draw: {part!r} is not one of {",".join(PARTS)}')
    for name in ('fps', 'batch_size'):
        value = getattr(args, name)
        if value is not None and not 0 < value < float('inf'):
            flag = name.replace('_', '-')
            parser.error(f'--{flag} {value:g} must be above 0 and finite')
    for name in ('score_thr', 'kpt_thr'):
        value = getattr(args, name)
        if value is not None and not 0 <= value <= 1:
            flag = name.replace('_', '-')
            parser.error(f'--{flag} {value:g} must be in [0, 1]')
    cli.check_model_arguments(parser, args)


def build_inferencer(args: argparse.Namespace) -> 'POETInferencer':
    """Load the model, see :func:`load_inferencer`."""
    from poet_mm.apis.inferencer import load_inferencer

    return load_inferencer(
        args.config,
        args.weights,
        args.device,
        args.trust_pickle,
        args.calibrate,
    )


def split_inputs(
    inputs: List[str], report: Callable[[UserError], None]
) -> Tuple[List[str], List]:
    """Return the image files, and the video files and camera numbers."""
    from poet_mm.apis.inputs import find_sources, is_video

    images, videos = [], []
    for name in inputs:
        try:
            for source in find_sources(name):
                (videos if is_video(source) else images).append(source)
        except UserError as error:
            report(error)
    return images, videos


def report_failure(results: 'ResultFolder', error: UserError) -> None:
    """Print an error, and add it to the gallery."""
    results.failures.append(str(error))
    print(f'infer.py: {error}', file=sys.stderr, flush=True)


def iterate_results(find_people: Callable, inputs) -> Iterator[tuple]:
    """Yield the sample and the drawn picture of each image."""
    for result in find_people(inputs):
        yield from zip(result['predictions'], result['visualization'])


def draw_images(
    find_people: Callable,
    images: List[str],
    results: 'ResultFolder',
    report: Callable[[UserError], None],
) -> None:
    """Draw all image files."""
    for sample, drawn in iterate_results(find_people, images):
        try:
            results.add_picture(sample, drawn)
        except UserError as error:
            report(error)


def draw_all(
    inferencer: 'POETInferencer',
    images: List[str],
    videos: List,
    args: argparse.Namespace,
    results: 'ResultFolder',
) -> int:
    """Draw all images, then one video after another; return the exit code."""
    from poet_mm.apis.video import Video

    report = partial(report_failure, results)
    find_people = partial(
        inferencer,
        batch_size=args.batch_size,
        return_datasamples=True,
        return_vis=True,
        on_error=report,
        draw=args.draw,
        score_thr=args.score_thr,
        kpt_thr=args.kpt_thr,
    )
    try:
        if images:
            draw_images(find_people, images, results, report)
        for source in videos:
            try:
                video = Video(source)
                frames = iterate_results(find_people, video)
                results.add_video(video, args.fps or video.fps, frames)
            except UserError as error:
                if isinstance(error, EveryImageFails) and not results.entries:
                    raise
                report(error)
    except EveryImageFails as error:
        report(error)
        return 2
    except KeyboardInterrupt:
        print('infer.py: stopped', file=sys.stderr)
        return 130
    finally:
        results.close()
    return int(bool(results.failures)) if results.entries else 2


def make_title(inputs: List[str]) -> str:
    """Return the heading of the gallery: the first inputs without folders."""
    names = [os.path.basename(os.path.normpath(name)) for name in inputs]
    return f'People in {", ".join(names[:3])}' + ', ...' * (len(names) > 3)


def infer_all(argv=None) -> int:
    """Parse the arguments and draw; return the exit code."""
    args = cli.start(parse_args(argv))
    from poet_mm.apis.result_folder import ResultFolder

    results = ResultFolder(
        args.out, make_title(args.inputs), args.save_json, args.save_csv
    )
    report = partial(report_failure, results)
    images, videos = split_inputs(args.inputs, report)
    if not images and not videos:
        return 2
    inferencer = build_inferencer(args)
    inferencer.show_progress = sys.stderr.isatty()
    inferencer.visualizer.min_side = MIN_SIDE
    with explain_write_errors(args.out):
        code = draw_all(inferencer, images, videos, args, results)
    if results.entries:
        print(
            f'People: {results.num_people}, pictures and frames: '
            f'{results.num_pictures}, failures: {len(results.failures)}. See '
            f'{os.path.join(args.out, "gallery.html")}'
        )
    return code


def main(argv=None) -> int:
    try:
        return cli.run(infer_all, argv, code=2)
    except KeyboardInterrupt:  # before the first input
        print('infer.py: stopped', file=sys.stderr)
        return 130


if __name__ == '__main__':
    sys.exit(main())
