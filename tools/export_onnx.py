"""Write a trained POET as ONNX or TorchScript, which run without poet_mm.

The file is compared with the model, on noise, and in fp16 or int8 on images of
the test split, in pixels and AP. A file that differs too much is not written.

Inputs: `images` (B, H, W, 3), uint8, RGB, as read from files, of any batch
size, height and width. With --padding-mask also `padding_mask` (B, H, W),
bool, True right of and below the images of a batch.

Outputs for all Q queries: `scores` (B, Q), `keypoints` (B, Q, K, 2),
`visibility` (B, Q, K), `centers` (B, Q, 2); x and y in [0, 1] of the image
without padding. examples/onnx_numpy.py runs an ONNX file.

Examples:
  python tools/export_onnx.py configs/poet_r50_coco.py CHECKPOINT poet.onnx
  python tools/export_onnx.py CONFIG CHECKPOINT poet.onnx --precision int8
"""

import argparse
import os.path as osp
from typing import TYPE_CHECKING

__parse_first__ = True

from poet_mm import cli
from poet_mm.utils.config import find_config, read_config, set_data_root
from poet_mm.utils.layouts import check_data_root

if TYPE_CHECKING:
    from onnx import ModelProto
    from torch import nn
    from torch.utils.data import DataLoader

CALIBRATION_IMAGES = 16


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
        metavar='N',
        help="version of ONNX's operators (default: 18, with torch 2.1: 17)",
    )
    parser.add_argument(
        '--precision',
        choices=['fp32', 'fp16', 'int8'],
        default='fp32',
        help='of the ONNX file; the values of int8 are calibrated on '
        f'{CALIBRATION_IMAGES} images of the train split',
    )
    parser.add_argument(
        '--openvino',
        action='store_true',
        help="also compare and time the ONNX file in OpenVINO's own reader",
    )
    parser.add_argument(
        '--data-root',
        metavar='DIR',
        help="folder in COCO's layout, for comparisons on images (default: "
        'that of the config)',
    )
    parser.add_argument(
        '--max-images',
        type=int,
        default=100,
        metavar='N',
        help='compare on the first N images of the test split',
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
    if not args.out and (args.precision != 'fp32' or args.openvino):
        parser.error('--precision and --openvino need an ONNX file to write')
    find_config(args.config)
    if args.data_root is not None:
        check_data_root(args.data_root)
    cli.check_checkpoint(args.checkpoint)
    cli.check_options(args.cfg_options)
    return args


def load_model(args: argparse.Namespace) -> 'nn.Module':
    """Return the model on the CPU, in eval mode."""
    from mmpose.apis import init_model

    from poet_mm.checkpoints.files import read_checkpoint, state_dict_of
    from poet_mm.checkpoints.loading import check_weights
    from poet_mm.checkpoints.publish import check_score

    cfg = read_config(args.config)
    if args.data_root is not None:
        set_data_root(cfg, args.data_root)
    cfg.merge_from_dict(args.cfg_options)
    checkpoint = read_checkpoint(args.checkpoint)
    weights = state_dict_of(checkpoint, args.checkpoint)
    model = init_model(cfg, args.checkpoint, device='cpu')
    check_weights(model, weights, args.checkpoint)
    meta = checkpoint.get('meta') or {}
    if 'score_thr' in meta:
        model.dataset_meta['score_thr'] = check_score(meta['score_thr'])
    return model


def load_images(model: 'nn.Module', split: str, count: int) -> 'DataLoader':
    """Return the loader of the first images of a split, one at a time."""
    from poet_mm.analysis.session import build_loader

    model.cfg.test_dataloader.batch_size = 1
    return build_loader(model.cfg, split, count)


def lower_precision(
    args: argparse.Namespace, model: 'nn.Module', graph: 'ModelProto'
) -> 'ModelProto':
    """Return the graph in the precision of the arguments."""
    from poet_mm.export.agreement import images_of, pad_image
    from poet_mm.export.precision import to_fp16, to_int8

    if args.precision == 'fp16':
        return to_fp16(graph)
    divisor = model.data_preprocessor.pad_size_divisor
    loader = load_images(model, 'train', CALIBRATION_IMAGES)
    return to_int8(
        graph,
        (
            pad_image(image, divisor, args.padding_mask)
            for image, _ in images_of(loader)
        ),
    )


def compare(
    args: argparse.Namespace, model: 'nn.Module', graph: 'ModelProto'
) -> None:
    """Compare the graph with the model on images, and print the numbers."""
    from poet_mm.analysis.layers import find_metric
    from poet_mm.export import agreement
    from poet_mm.export.runtimes import run_in_onnxruntime, run_in_openvino

    runs = dict(onnxruntime=run_in_onnxruntime(graph))
    if args.openvino:
        runs.update(openvino=run_in_openvino(graph))
    loader = load_images(model, 'test', args.max_images)
    found = agreement.compare_on_images(
        model,
        runs,
        loader,
        find_metric(model.cfg.get('test_evaluator')),
        args.padding_mask,
    )
    print(
        f'{args.precision} on {len(loader.dataset)} images with '
        f'{found[agreement.MODEL].people} people of the model:\n'
        + agreement.format_table(found)
    )
    agreement.require_agreement(found, args.precision)


def export_onnx(args: argparse.Namespace, model: 'nn.Module') -> float:
    """Write the ONNX file; return the difference from the model on noise."""
    from poet_mm.export.graph import build_onnx, write_onnx

    graph, error = build_onnx(
        model, tuple(args.size), args.padding_mask, args.opset
    )
    if args.precision != 'fp32':
        graph = lower_precision(args, model, graph)
    if args.precision != 'fp32' or args.openvino or args.data_root:
        compare(args, model, graph)
    write_onnx(graph, args.out)
    return error


def main() -> None:
    args = cli.start(parse_args())
    from poet_mm.checkpoints.safe_load import safe_loading
    from poet_mm.export.graph import export_torchscript

    with safe_loading(args.trust_pickle):
        model = load_model(args)
    if args.out:
        report(args.out, export_onnx(args, model))
    if args.torchscript:
        size = tuple(args.size)
        report(
            args.torchscript,
            export_torchscript(
                model, args.torchscript, size, args.padding_mask
            ),
        )


def report(path: str, error: float) -> None:
    """Print what was written, and the difference from the model on noise."""
    from poet_mm.export.parity import BATCH_SIZES, TOLERANCE

    print(
        f'{path}: {osp.getsize(path) / 1e6:.1f} MB; largest difference '
        f'from the model {error:.1e} in fp32 (allowed {TOLERANCE:.0e}), at 3 '
        f'sizes and batches of {" and ".join(map(str, BATCH_SIZES))}'
    )


if __name__ == '__main__':
    cli.run(main)
