"""Try a model on photos in the browser.

Opens a page on this machine: put in a photo, and the people in it are drawn.
The page has a slider for the threshold, and draws hidden keypoints, centres
and offsets if asked. Photos stay on this machine. Ctrl-C ends the page.

It needs Gradio 6 (docs/install.md).

Examples:
  python tools/demo.py
  python tools/demo.py --weights CHECKPOINT --port 8000
"""

import argparse
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING, List, Optional, Tuple

__parse_first__ = True

from poet_mm import cli
from poet_mm.errors import UserError

if TYPE_CHECKING:
    import gradio
    import numpy as np

    from poet_mm.apis import POETInferencer

PARTS = [  # labels on the page, parts of POETVisualizer
    ('Hidden keypoints', 'visibility'),
    ('Centres', 'centers'),
    ('Offsets', 'offsets'),
]
MIN_SIDE = 400  # pixels; smaller photos are enlarged
HEIGHT = 540  # pixels of the drawn photo on the page


def parse_args(argv=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(**cli.about(__doc__))
    cli.add_model_arguments(parser)
    parser.add_argument(
        '--port',
        type=int,
        default=7860,
        metavar='N',
        help='port of the page on this machine',
    )
    args = parser.parse_args(argv)
    cli.check_model_arguments(parser, args)
    if find_spec('gradio') is None:
        raise UserError(
            'demo.py needs Gradio: pip install "gradio>=6" '
            f'numpy=={version("numpy")}'
        )
    return args


def draw_people(
    inferencer: 'POETInferencer',
    photo: Optional['np.ndarray'],
    score_thr: float,
    parts: List[str],
) -> Tuple[Optional['np.ndarray'], str]:
    """Return the drawn photo and a line about the people.

    Args:
        inferencer (POETInferencer): The model.
        photo (np.ndarray, optional): (h, w, 3), RGB, None before the first.
        score_thr (float): People with a lower score are left out.
        parts (list[str]): Parts to draw beside the skeleton. Without
            'visibility', hidden keypoints are left out.
    """
    from poet_mm.apis.inferencer import KPT_THR

    if photo is None:
        return None, ''
    photo = photo[..., ::-1]
    (result,) = inferencer(
        photo,
        return_datasamples=True,
        score_thr=score_thr,
        draw=['skeleton', *parts],
    )
    (sample,) = result['predictions']
    people, kpt_thr = sample.pred_instances, KPT_THR
    if 'visibility' in people:  # not those of AE
        people.keypoints_visible = people.visibility
        kpt_thr = 0.0 if 'visibility' in parts else 0.5
    (drawn,) = inferencer.visualize(
        [photo],
        [sample],
        return_vis=True,
        kpt_thr=kpt_thr,
        **inferencer.default_sizes,
    )
    scores = sorted(people.bbox_scores, reverse=True)
    text = ', '.join(f'{score:.2f}' for score in scores)
    return drawn, f'People: {len(people)}. Scores: {text or "none"}.'


def build_page(inferencer: 'POETInferencer') -> 'gradio.Blocks':
    """Return the page of a model."""
    import gradio as gr

    with gr.Blocks(
        title='POET', analytics_enabled=False, delete_cache=(3600, 3600)
    ) as page:
        gr.Markdown(
            '# POET\nFind people and their keypoints in a photo. Filled '
            'keypoints are predicted visible, hollow ones not.'
        )
        with gr.Row():
            with gr.Column(scale=1):
                photo = gr.Image(label='Photo', sources=['upload', 'webcam'])
                threshold = gr.Slider(
                    0.05,
                    0.95,
                    inferencer.score_thr,
                    step=0.05,
                    label='Lowest score',
                )
                parts = gr.CheckboxGroup(
                    PARTS, value=['visibility'], label='Draw'
                )
            with gr.Column(scale=2):
                drawn = gr.Image(
                    label='People',
                    height=HEIGHT,
                    buttons=['download', 'fullscreen'],
                )
                line = gr.Markdown()
        inputs = [photo, threshold, parts]
        gr.on(
            [one.change for one in inputs],
            partial(draw_people, inferencer),
            inputs,
            [drawn, line],
            api_name='people',
            trigger_mode='always_last',
        )
    return page


def main(argv=None) -> None:
    args = cli.start(parse_args(argv))
    from poet_mm.apis.inferencer import load_inferencer

    inferencer = load_inferencer(
        args.config, args.weights, args.device, args.trust_pickle
    )
    inferencer.visualizer.min_side = MIN_SIDE
    page = build_page(inferencer)
    try:
        page.launch(
            server_port=args.port,
            footer_links=['gradio'],
            prevent_thread_lock=True,
            quiet=True,
        )
    except (OSError, OverflowError) as error:
        raise UserError(
            f'--port {args.port} is not free. Give one from 1024 to 65535.'
        ) from error
    print(f'Page: {page.local_url} (Ctrl-C ends it)', flush=True)
    page.block_thread()


if __name__ == '__main__':
    cli.run(main)
