"""Find people in images, folders, videos and cameras, and draw them.

The folder --out gets pictures/, videos/ and gallery.html, a page to leaf
through all, and with --save-json COCO's results. Pictures with a side below
400 pixels are enlarged to be drawn on; results are in pixels of the input all
the same. A camera is filmed until Ctrl-C.

Exit code 0: all went well, 1: some inputs could not be used, or not to their
end (a line each says why), 2: nothing was done, because of a mistake or as
the network fails on every image, 130: stopped by Ctrl-C, what was done is
kept.

Examples:
  python tools/infer.py photos/ film.mp4 --weights CHECKPOINT --out DIR
  python tools/infer.py 'more/*.png' webcam:0 --config poet_r50_coco \\
      --weights CHECKPOINT --out DIR --save-json
"""

import argparse
import os
import sys
from typing import TYPE_CHECKING, List, Tuple

__parse_first__ = True
# before cv2 is imported: one line of ours for a broken file is enough
os.environ.setdefault('OPENCV_LOG_LEVEL', 'SILENT')

from poet_mm import cli
from poet_mm.errors import EveryImageFails, UserError, first_line
from poet_mm.utils.config import find_config
from poet_mm.utils.files import writing

if TYPE_CHECKING:
    from poet_mm.apis import POETInferencer
    from poet_mm.apis.result_folder import ResultFolder

PARTS = ('skeleton', 'centers', 'offsets', 'visibility')  # of POETVisualizer
MIN_SIDE = 400  # smaller pictures are enlarged to be drawn on


def list_parts(text: str) -> List[str]:
    """'skeleton,centers' -> its parts, which must be ones to draw."""
    parts = text.split(',')
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        raise argparse.ArgumentTypeError(
            f'{unknown[0]!r} is not one of {",".join(PARTS)}'
        )
    return parts


def positive(text: str) -> float:
    """A number above 0."""
    number = float(text)
    if not 0 < number < float('inf'):
        raise argparse.ArgumentTypeError(f'{text} is not above 0')
    return number


def parse_args(argv=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(**cli.about(__doc__))
    parser.add_argument(
        'inputs',
        nargs='+',
        metavar='INPUT',
        help='image, folder, glob, video, webcam or webcam:N',
    )
    parser.add_argument(
        '--config',
        help='config file, or the name of one in configs/ without .py '
        '(default: the one in the checkpoint)',
    )
    parser.add_argument(
        '--weights',
        required=True,
        metavar='CHECKPOINT',
        help='checkpoint file or URL',
    )
    parser.add_argument(
        '--out', required=True, metavar='DIR', help='folder for the results'
    )
    parser.add_argument(
        '--draw',
        type=list_parts,
        default=['skeleton', 'visibility'],
        metavar='PART,PART',
        help=f'what to draw, of {",".join(PARTS)}; visibility draws '
        'keypoints that are predicted hidden hollow (default: skeleton,'
        'visibility)',
    )
    parser.add_argument(
        '--save-json',
        action='store_true',
        help="also write COCO's results: people.json, videos/NAME.json",
    )
    parser.add_argument(
        '--fps',
        type=positive,
        metavar='RATE',
        help='frames per second of the written videos (default: those of the '
        'input)',
    )
    parser.add_argument(
        '--batch-size',
        type=int,
        default=1,
        metavar='N',
        help='images of one pass through the network',
    )
    parser.add_argument(
        '--score-thr',
        type=float,
        default=0.5,
        metavar='P',
        help='leave out people whose score, in [0, 1], is below P',
    )
    parser.add_argument(
        '--kpt-thr',
        type=float,
        metavar='P',
        help='do not draw keypoints whose score, in [0, 1], is below P '
        '(default: 0.3, and 0 where visibility is drawn: hidden keypoints '
        'have low scores)',
    )
    parser.add_argument(
        '--device',
        help='cpu, cuda, cuda:1, ... (default: cuda where there is one, else '
        'cpu)',
    )
    cli.add_trust_argument(parser)
    args = parser.parse_args(argv)
    if args.batch_size < 1:
        parser.error(f'--batch-size {args.batch_size} is not above 0')
    cli.check_file(args.weights, 'checkpoint')
    if args.config is not None:
        find_config(args.config)
    return args


def build_inferencer(args: argparse.Namespace) -> 'POETInferencer':
    """Build the model, or say in a sentence why there is none."""
    import torch

    from poet_mm.apis import POETInferencer
    from poet_mm.checkpoints.safe_load import safe_loading

    try:
        device = args.device and torch.device(args.device)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UserError(
            f'--device {args.device}: {first_line(error)}'
        ) from error
    try:
        with safe_loading(args.trust_pickle):
            return POETInferencer(args.config, args.weights, args.device)
    except UserError:
        raise
    except Exception as error:  # a file can be wrong in any way
        raise UserError(
            f'{args.weights} cannot be loaded as a checkpoint: '
            f'{first_line(error)}'
        ) from error


def sort_inputs(
    inputs: List[str], results: 'ResultFolder'
) -> Tuple[List[str], List]:
    """Sort inputs into images and videos; what is neither is reported."""
    from poet_mm.apis.inputs import camera_number, find_files, is_video

    images, videos = [], []
    for name in inputs:
        camera = camera_number(name)
        if camera is not None:
            videos.append(camera)
            continue
        try:
            files = find_files(name)
        except UserError as error:
            report(results, error)
            continue
        videos += [file for file in files if is_video(file)]
        images += [file for file in files if not is_video(file)]
    return images, videos


def report(results: 'ResultFolder', error: UserError) -> None:
    """Say what could not be used, and remember it."""
    results.failures.append(str(error))
    print(f'infer.py: {error}', file=sys.stderr, flush=True)


def infer(
    inferencer: 'POETInferencer',
    inputs,
    args: argparse.Namespace,
    results: 'ResultFolder',
):
    """Yield samples with people, and their drawn images, one by one."""
    for result in inferencer(
        inputs,
        batch_size=args.batch_size,
        return_datasamples=True,
        return_vis=True,
        on_error=lambda error: report(results, error),
        draw=args.draw,
        score_thr=args.score_thr,
        kpt_thr=args.kpt_thr,
    ):
        yield from zip(result['predictions'], result['visualization'])


def infer_images(
    inferencer: 'POETInferencer',
    images: List[str],
    args: argparse.Namespace,
    results: 'ResultFolder',
) -> None:
    """Draw every image file."""
    for sample, drawn in infer(inferencer, images, args, results):
        try:
            results.add_picture(sample, drawn)
        except UserError as error:
            report(results, error)


def infer_video(
    inferencer: 'POETInferencer',
    source,
    args: argparse.Namespace,
    results: 'ResultFolder',
) -> None:
    """Draw every frame of a video file, or of a camera until Ctrl-C."""
    from poet_mm.apis.video import Video

    video = Video(source)
    result = results.add_video(video, args.fps or video.fps)
    try:
        for sample, drawn in infer(inferencer, video, args, results):
            result.add_frame(sample, drawn)
    finally:
        result.close()


def make_title(inputs: List[str]) -> str:
    """The gallery's heading: what it shows, less the folders before it."""
    names = [os.path.basename(os.path.normpath(name)) for name in inputs]
    return f'People in {", ".join(names[:3])}' + ', ...' * (len(names) > 3)


def run(
    inferencer: 'POETInferencer',
    args: argparse.Namespace,
    results: 'ResultFolder',
) -> None:
    """Draw all images, then one video after another."""
    images, videos = sort_inputs(args.inputs, results)
    if images:
        infer_images(inferencer, images, args, results)
    for source in videos:
        try:
            infer_video(inferencer, source, args, results)
        except UserError as error:
            if isinstance(error, EveryImageFails) and not results.entries:
                raise
            report(results, error)


def run_and_report(
    inferencer: 'POETInferencer',
    args: argparse.Namespace,
    results: 'ResultFolder',
) -> int:
    """Draw all inputs; return the exit code."""
    code = 0
    try:
        run(inferencer, args, results)
    except EveryImageFails as error:
        report(results, error)
        code = 2
    except KeyboardInterrupt:
        print('infer.py: stopped', file=sys.stderr)
        code = 130
    finally:
        results.close()
    return code or int(bool(results.failures))


def infer_all(argv=None) -> int:
    """Parse the arguments and draw; return the exit code."""
    args = cli.start(parse_args(argv))
    from poet_mm.apis.result_folder import ResultFolder

    inferencer = build_inferencer(args)
    inferencer.show_progress = sys.stderr.isatty()
    inferencer.visualizer.min_side = MIN_SIDE
    with writing(args.out):
        results = ResultFolder(
            args.out, make_title(args.inputs), args.save_json
        )
        code = run_and_report(inferencer, args, results)
    print(
        f'{results.num_people} people in {results.num_pictures} pictures '
        f'and frames, {len(results.failures)} failures: '
        f'{os.path.join(args.out, "gallery.html")}'
    )
    return code


def main(argv=None) -> int:
    return cli.run(infer_all, argv, code=2)


if __name__ == '__main__':
    sys.exit(main())
