"""Write a trained POET as ONNX or TorchScript, which run without poet_mm.

Inputs: `images` (B, H, W, 3), uint8, RGB, as read from files, of any batch
size, height and width. With --padding-mask also `padding_mask` (B, H, W),
bool, True right of and below the images of a batch.

Outputs for all Q queries: `scores` (B, Q), `keypoints` (B, Q, K, 2),
`visibility` (B, Q, K), `centers` (B, Q, 2); x and y in [0, 1] of the image
without padding. examples/onnx_numpy.py runs an ONNX file.

Examples:
  python tools/export_onnx.py configs/poet_r50_coco.py CHECKPOINT poet.onnx
  python tools/export_onnx.py CONFIG CHECKPOINT --torchscript poet.pt
"""

import argparse
import os.path as osp

__parse_first__ = True

from poet_mm import cli
from poet_mm.utils.config import find_config, read_config


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(**cli.about(__doc__))
    parser.add_argument(
        'config',
        metavar='CONFIG',
        help='config file, or name of one in configs/',
    )
    parser.add_argument(
        'checkpoint', metavar='CHECKPOINT', help='checkpoint file or URL'
    )
    parser.add_argument(
        'out', nargs='?', metavar='OUT', help='ONNX file to write'
    )
    parser.add_argument(
        '--size',
        nargs=2,
        type=int,
        default=(384, 512),
        metavar=('H', 'W'),
        help='largest height and width, in pixels, of the comparison with '
        'the model',
    )
    parser.add_argument(
        '--padding-mask',
        action='store_true',
        help='add the second input, for batches of images of different sizes',
    )
    parser.add_argument(
        '--opset',
        type=int,
        default=17,
        metavar='N',
        help="version of ONNX's operators",
    )
    parser.add_argument(
        '--torchscript',
        metavar='FILE',
        help='TorchScript file to write, with or without an ONNX file '
        '(default: none)',
    )
    cli.add_trust_argument(parser)
    cli.add_options_argument(parser)
    args = parser.parse_args()
    if not (args.out or args.torchscript):
        parser.error('give an ONNX file to write, or --torchscript FILE')
    find_config(args.config)
    cli.check_checkpoint(args.checkpoint)
    cli.check_options(args.cfg_options)
    return args


def load_model(args: argparse.Namespace):
    """Return the model on the CPU, in eval mode."""
    from mmpose.apis import init_model

    from poet_mm.checkpoints.loading import check_weights, read_weights

    cfg = read_config(args.config)
    cfg.merge_from_dict(args.cfg_options)
    weights = read_weights(args.checkpoint)
    model = init_model(cfg, args.checkpoint, device='cpu')
    check_weights(model, weights, args.checkpoint)
    return model


def main() -> None:
    args = cli.start(parse_args())
    from poet_mm.checkpoints.safe_load import safe_loading
    from poet_mm.export.graph import export_onnx, export_torchscript
    from poet_mm.export.parity import BATCH_SIZES, TOLERANCE

    with safe_loading(args.trust_pickle):
        model = load_model(args)
    for path, export, extra in (
        (args.out, export_onnx, [args.opset]),
        (args.torchscript, export_torchscript, []),
    ):
        if path:
            size = tuple(args.size)
            error = export(model, path, size, args.padding_mask, *extra)
            print(
                f'{path}: {osp.getsize(path) / 1e6:.1f} MB; largest '
                f'difference from the model {error:.1e} (allowed '
                f'{TOLERANCE:.0e}), at 3 sizes and batches of '
                f'{" and ".join(map(str, BATCH_SIZES))}'
            )


if __name__ == '__main__':
    cli.run(main)
