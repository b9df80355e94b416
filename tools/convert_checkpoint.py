"""Convert checkpoints of other programs to ours, and ours to the release.

poet         The authors' released checkpoint, `{'model': weights, ...}`. The
             result is a whole model for configs/poet_r50_release_coco.py, with
             the number of queries of the checkpoint. Its outputs are compared
             with the equations of the release, on a batch with padding.
mmpose-ae    An AE with ResNet-50 of MMPose 0.x, as a whole model. For one with
             HRNet-W32: --config ae_hrnet-w32_s4_512_coco
detr         DETR R50 or R101, with or without DC5. DC5 has the same weights:
             choose it with --config. (MMPose's ResNet dilates all blocks of
             C5, DETR all but the first.) The result has backbone, projection,
             encoder, decoder and the first queries, to start a training from.
             Class and box layers are dropped.
to-release   The reverse of `poet`: a whole model with the release's three
             classes.

A backbone of torchvision, MMPretrain or MMPose needs no conversion: set
model.backbone.init_cfg, see docs/checkpoints.md.

Start a training with --cfg-options load_from=DST. Weights of SRC that are not
used are listed. If a weight is unknown, or only some weights of a block fit,
nothing is written. The tool reads SRC without running code in it
(--trust-pickle runs it), and writes tensors and plain values only.
Weights trained on BGR images or with Caffe's strides have the same shapes. The
tool cannot detect them: make sure that SRC has neither.

Examples:
  python tools/convert_checkpoint.py poet SRC DST
  python tools/convert_checkpoint.py detr SRC DST --config poet_r101_coco
"""

import argparse
import os.path as osp

__parse_first__ = True

from poet_mm import cli
from poet_mm.errors import UserError
from poet_mm.utils.config import find_config, read_config

LAYOUTS = {  # layout: help text, default config
    'poet': ("the authors' release of POET", 'poet_r50_release_coco'),
    'mmpose-ae': ('an AE of MMPose 0.x', 'ae_r50_s4_512_coco'),
    'detr': ('DETR weights, to start a training from', 'poet_r50_coco'),
    'to-release': ('the reverse of poet', None),
}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(**cli.about(__doc__))
    commands = parser.add_subparsers(
        dest='layout', metavar='LAYOUT', required=True
    )
    for layout, (text, config) in LAYOUTS.items():
        line = f'  python tools/convert_checkpoint.py {layout} SRC DST'
        doc = f'{text}\n\nExamples:\n{line}\n{line} --trust-pickle'
        command = commands.add_parser(layout, help=text, **cli.about(doc))
        command.add_argument('source', metavar='SRC', help='file to read')
        command.add_argument('target', metavar='DST', help='file to write')
        cli.add_trust_argument(command)
        if config is not None:
            command.add_argument(
                '--config',
                default=config,
                help='config that the result is for, or its name in configs/ '
                'without .py',
            )
            cli.add_options_argument(command)
    args = parser.parse_args()
    cli.check_source(args.source)
    for path in (args.target, f'{args.target}.part'):  # see write_whole
        if osp.exists(path) and osp.samefile(args.source, path):
            raise UserError(
                f'Writing DST {args.target} would overwrite SRC '
                f'{args.source}. Give another file to write.'
            )
    if 'config' in args:
        find_config(args.config)
        cli.check_options(args.cfg_options)
    return args


def write(checkpoint: dict, path: str) -> None:
    from poet_mm.checkpoints.publish import to_bytes
    from poet_mm.utils.files import explain_write_errors, write_whole

    data = to_bytes(checkpoint)
    with explain_write_errors(path):
        write_whole(data, path)
    print(f'{path}: {len(data) / 1e6:.1f} MB')


def compare(conversion) -> None:
    """Print the difference between converted model and equations."""
    from poet_mm.checkpoints.convert import largest_difference

    difference = largest_difference(conversion)
    print(
        'Largest difference from the equations of the source, on 2 images '
        f'with padding, all decoder layers: {difference["poses"]:.1e} in '
        'poses (offsets in [-1, 1], the rest in [0, 1]), '
        f'{difference["logits"]:.1e} in logits '
        f'(up to {difference["max_logit"]:.1f})'
    )


def print_usage(conversion, args: argparse.Namespace) -> None:
    """Print the config that a result is for, and its blocks."""
    from poet_mm.checkpoints.compare import block_of

    blocks = dict.fromkeys(map(block_of, conversion.checkpoint['state_dict']))
    print(f'For {args.config}: {", ".join(blocks)}')
    if args.layout == 'poet':
        queries = conversion.cfg.model.head.num_queries
        print(
            f'It has {queries} queries, and so has the config inside. To use '
            'it with the file in configs/:  --cfg-options '
            f'model.head.num_queries={queries}'
        )


def main() -> None:
    args = cli.start(parse_args())
    from poet_mm.checkpoints.convert import convert, convert_to_release
    from poet_mm.checkpoints.safe_load import safe_loading

    conversion = None
    with safe_loading(args.trust_pickle):
        if args.layout == 'to-release':
            checkpoint, dropped = convert_to_release(args.source)
        else:
            cfg = read_config(args.config)
            cfg.merge_from_dict(args.cfg_options)
            conversion = convert(args.layout, args.source, cfg)
            checkpoint, dropped = conversion.checkpoint, conversion.dropped
    if dropped:
        print(f'Not used: {", ".join(dropped)}')
    if args.layout == 'poet':
        compare(conversion)
    write(checkpoint, args.target)
    if conversion is not None:
        print_usage(conversion, args)


if __name__ == '__main__':
    cli.run(main)
