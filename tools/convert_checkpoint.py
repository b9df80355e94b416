"""Convert checkpoints of other programs to ours, and ours to the release.

poet         The authors' released checkpoint, `{'model': weights, ...}`: a
             whole model for configs/poet_r50_release_coco.py, with as many
             queries as it has. What it computes is compared with its equations
             on a batch with padding.
detr         A DETR (R50, R101; with DC5 the weights have the same form, the
             config makes the difference): backbone, projection, encoder,
             decoder and the first queries, to start a training from. Its class
             and box layers are dropped.
to-release   Undoes `poet`: a whole model in, with the release's three classes.

A backbone of torchvision, MMPretrain or MMPose needs no conversion: set
model.backbone.init_cfg, see "Checkpoints in and out" in README.md.

Start a training with --cfg-options load_from=DST. Every weight of SRC is used
or printed as dropped on purpose, and blocks fit as a whole, or nothing is
written.
SRC is read without running what is in it (--trust-pickle runs it); DST holds
tensors and plain values only. Weights that were trained on BGR or with Caffe's
strides fit too, and cannot be told from others: know your source.

Examples:
  python tools/convert_checkpoint.py poet SRC DST
  python tools/convert_checkpoint.py detr SRC DST --config poet_r101_coco
"""

import argparse
import os.path as osp
from typing import List

__parse_first__ = True

from poet_mm import cli
from poet_mm.errors import UserError
from poet_mm.utils.config import find_config, read_config

# Layout: what is converted, and the config that it is for.
LAYOUTS = {
    'poet': ("the authors' release of POET", 'poet_r50_release_coco'),
    'detr': ('a DETR, to start from', 'poet_r50_coco'),
    'to-release': ("ours to the authors' release", None),
}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(**cli.about(__doc__))
    commands = parser.add_subparsers(
        dest='layout', metavar='LAYOUT', required=True
    )
    for layout, (text, config) in LAYOUTS.items():
        command = commands.add_parser(
            layout, help=text, **cli.about(f'{text}\n\n{examples(layout)}')
        )
        command.add_argument('source', metavar='SRC', help='file to read')
        command.add_argument('target', metavar='DST', help='file to write')
        cli.add_trust_argument(command)
        if config is None:
            continue
        command.add_argument(
            '--config',
            default=config,
            help='config that the result is for, or its name in configs/ '
            'without .py',
        )
        cli.add_options_argument(command)
    args = parser.parse_args()
    check_args(args)
    return args


def examples(layout: str) -> str:
    """Return two commands of a layout."""
    command = f'  python tools/convert_checkpoint.py {layout} SRC DST'
    other = '--trust-pickle' if layout == 'to-release' else '--config CONFIG'
    return f'Examples:\n{command}\n{command} {other}'


def check_args(args: argparse.Namespace) -> None:
    """Look for all that the arguments name."""
    require_another_file(args.source, args.target)
    cli.check_file(args.source, 'checkpoint')
    if 'config' in args:
        find_config(args.config)
        cli.check_options(args.cfg_options)


def require_another_file(source: str, target: str) -> None:
    """Raise a UserError if the one would overwrite the other."""
    if (
        osp.exists(target)
        and osp.exists(source)
        and osp.samefile(source, target)
    ):
        raise UserError(
            f'DST {target} is SRC {source}, which would be lost. '
            'Give another file to write.'
        )


def tell_dropped(dropped: List[str]) -> None:
    if dropped:
        print(f'Dropped on purpose: {", ".join(dropped)}')


def write(checkpoint: dict, path: str) -> None:
    from poet_mm.checkpoints.files import write_checkpoint
    from poet_mm.checkpoints.publish import to_bytes

    data = to_bytes(checkpoint)
    write_checkpoint(data, path)
    print(f'{path}: {len(data) / 1e6:.1f} MB')


def compare(conversion) -> None:
    """Print how far the converted model is from the source's equations."""
    from poet_mm.checkpoints.convert import largest_difference, require_same
    from poet_mm.checkpoints.release_model import release_model

    difference = largest_difference(conversion, release_model)
    require_same(difference)
    print(
        'Largest difference from the equations of the source, on 2 images '
        f'with padding, all decoder layers: {difference["poses"]:.1e} in '
        f'poses (between 0 and 1), {difference["logits"]:.1e} in logits '
        f'(up to {difference["largest"]:.1f})'
    )


def say_what_it_is_for(conversion, args: argparse.Namespace) -> None:
    from poet_mm.checkpoints.compare import block_of

    blocks = dict.fromkeys(map(block_of, conversion.checkpoint['state_dict']))
    print(f'For {args.config}: {", ".join(blocks)}')
    if args.layout == 'poet':
        queries = conversion.cfg.model.head.num_queries
        print(
            f'It has {queries} queries. The config inside says so too; to '
            'use it with the file in configs/:  --cfg-options '
            f'model.head.num_queries={queries}'
        )


def main() -> None:
    args = cli.start(parse_args())
    from poet_mm.checkpoints.convert import convert, release_of
    from poet_mm.checkpoints.safe_load import safe_loading

    with safe_loading(args.trust_pickle):
        if args.layout == 'to-release':
            checkpoint, dropped = release_of(args.source)
            tell_dropped(dropped)
            write(checkpoint, args.target)
            return
        cfg = read_config(args.config)
        cfg.merge_from_dict(args.cfg_options)
        conversion = convert(args.layout, args.source, cfg)
    tell_dropped(conversion.dropped)
    if args.layout == 'poet':
        compare(conversion)
    write(conversion.checkpoint, args.target)
    say_what_it_is_for(conversion, args)


if __name__ == '__main__':
    cli.run(main)
