"""Write a trained POET as ONNX or TorchScript, to be run without poet_mm.

    python tools/export_onnx.py configs/poet_r50_coco.py CHECKPOINT poet.onnx
    python tools/export_onnx.py CONFIG CHECKPOINT --torchscript poet.pt

Input of both: `images` (B, H, W, 3), uint8, RGB, as read from files; any
batch size, height and width. With --padding-mask also `padding_mask`
(B, H, W), bool, True right of and below the images of a batch. Outputs for
all Q queries: `scores` (B, Q), `keypoints` (B, Q, K, 2), `visibility`
(B, Q, K), `centers` (B, Q, 2); x and y in [0, 1] of the un-padded image.
examples/onnx_numpy.py runs an ONNX file.
"""
import argparse
import os.path as osp
import sys

from mmengine.config import Config, DictAction
from mmpose.apis import init_model

from poet_mm.checkpoints.loading import fit_weights, read_weights
from poet_mm.checkpoints.safe_load import add_trust_argument, safe_loading
from poet_mm.errors import UserError
from poet_mm.export.graph import export_onnx, export_torchscript
from poet_mm.export.parity import BATCH_SIZES, TOLERANCE


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('out', nargs='?', help='ONNX file to write')
    parser.add_argument(
        '--size',
        nargs=2,
        type=int,
        default=(384, 512),
        metavar=('H', 'W'),
        help='largest size to compare with the model at (default: 384 512)')
    parser.add_argument(
        '--padding-mask',
        action='store_true',
        help='second input, for batches of images of different sizes')
    parser.add_argument(
        '--opset', type=int, default=17, help='version of ONNX\'s operators')
    parser.add_argument(
        '--torchscript',
        metavar='FILE',
        help='TorchScript file to write, beside the ONNX file or alone')
    add_trust_argument(parser)
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        default={},
        help='changes to the config, as key=value')
    args = parser.parse_args()
    if not (args.out or args.torchscript):
        parser.error('give an ONNX file to write, or --torchscript FILE')
    return args


def load_model(args: argparse.Namespace):
    """The model on the CPU, in eval mode."""
    for kind in ('config', 'checkpoint'):
        path = getattr(args, kind)
        if '://' not in path and not osp.isfile(path):
            raise UserError(f'There is no {kind} {path}.')
    cfg = Config.fromfile(args.config)
    cfg.merge_from_dict(args.cfg_options)
    weights = read_weights(args.checkpoint)
    cfg.model.backbone.init_cfg = None  # the checkpoint has all weights
    model = init_model(cfg, args.checkpoint, device='cpu')
    fit_weights(model, weights, args.checkpoint)
    return model


def main():
    args = parse_args()
    with safe_loading(args.trust_pickle):
        model = load_model(args)
    size = tuple(args.size)
    if args.out:
        error = export_onnx(model, args.out, size, args.padding_mask,
                            args.opset)
        report(args.out, error)
    if args.torchscript:
        error = export_torchscript(model, args.torchscript, size,
                                   args.padding_mask)
        report(args.torchscript, error)


def report(path: str, error: float) -> None:
    megabytes = osp.getsize(path) / 1e6
    print(f'{path}: {megabytes:.1f} MB; largest difference from the model '
          f'{error:.1e} (allowed {TOLERANCE:.0e}), at 3 sizes and batches of '
          f'{" and ".join(map(str, BATCH_SIZES))}')


if __name__ == '__main__':
    try:
        main()
    except UserError as error:
        sys.exit(f'export_onnx.py: {error}')
