"""Checkpoints of other programs -> ours, and ours -> the authors' release.

    python tools/convert_checkpoint.py poet SRC DST
    python tools/convert_checkpoint.py detr SRC DST --config poet_r101_coco
    python tools/convert_checkpoint.py torchvision SRC DST
    python tools/convert_checkpoint.py to-release SRC DST

poet         The authors' released checkpoint, `{'model': weights, ...}`: a
             whole model for configs/poet_r50_release_coco.py, with as many
             queries as it has. What it computes is compared with its equations
             on a batch with padding.
detr         A DETR (R50, R101; with DC5 the weights have the same form, the
             config makes the difference): backbone, projection, encoder,
             decoder and the first queries, to start a training from. Its class
             and box layers are dropped.
torchvision, mmpretrain, mmpose-ae
             A backbone, to start from. Anything else in it is dropped.
to-release   Undoes `poet`: a whole model in, with the release's three classes.

Start a training with --cfg-options load_from=DST. Every weight of SRC is used
or printed as dropped on purpose, and blocks fit as a whole, or nothing is
written.
SRC is read without running what is in it (--trust-pickle runs it); DST holds
tensors and plain values only. Weights that were trained on BGR or with Caffe's
strides fit too, and cannot be told from others: know your source.
"""
import argparse
import os.path as osp
import sys
from typing import List

from mmengine.config import DictAction

from poet_mm.checkpoints.compare import block_of
from poet_mm.checkpoints.convert import (
    LAYOUTS,
    convert,
    largest_difference,
    release_of,
    require_same,
)
from poet_mm.checkpoints.files import write_checkpoint
from poet_mm.checkpoints.publish import to_bytes
from poet_mm.checkpoints.release_model import release_model
from poet_mm.checkpoints.safe_load import add_trust_argument, safe_loading
from poet_mm.errors import UserError
from poet_mm.utils.config import read_config

CONFIGS = dict(poet='poet_r50_release_coco', detr='poet_r50_coco')
OTHERS = 'poet_r50_512_coco'  # study 2 starts from such backbones


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest='layout', required=True)
    for layout in (*LAYOUTS, 'to-release'):
        command = commands.add_parser(layout)
        command.add_argument('source', metavar='SRC', help='file to read')
        command.add_argument('target', metavar='DST', help='file to write')
        add_trust_argument(command)
        if layout == 'to-release':
            continue
        default = CONFIGS.get(layout, OTHERS)
        command.add_argument(
            '--config',
            default=default,
            help='config that the result is for, or its name in configs/ '
            f'without .py (default: {default})')
        command.add_argument(
            '--cfg-options',
            nargs='+',
            action=DictAction,
            default={},
            help='changes to the config, as key=value')
    return parser.parse_args()


def require_another_file(source: str, target: str) -> None:
    """Raise a UserError if the one would overwrite the other."""
    if osp.exists(target) and osp.exists(source) and osp.samefile(
            source, target):
        raise UserError(f'DST {target} is SRC {source}, which would be lost. '
                        'Give another file to write.')


def tell_dropped(dropped: List[str]) -> None:
    if dropped:
        print(f'Dropped on purpose: {", ".join(dropped)}')


def write(checkpoint: dict, path: str) -> None:
    data = to_bytes(checkpoint)
    write_checkpoint(data, path)
    print(f'{path}: {len(data) / 1e6:.1f} MB')


def compare(conversion) -> None:
    """Print how far the converted model is from the source's equations."""
    difference = largest_difference(conversion, release_model)
    require_same(difference)
    print('Largest difference from the equations of the source, on 2 images '
          f'with padding, all decoder layers: {difference["poses"]:.1e} in '
          f'poses (between 0 and 1), {difference["logits"]:.1e} in logits '
          f'(up to {difference["largest"]:.1f})')


def say_what_it_is_for(conversion, args: argparse.Namespace) -> None:
    blocks = dict.fromkeys(map(block_of, conversion.checkpoint['state_dict']))
    print(f'For {args.config}: {", ".join(blocks)}')
    if args.layout == 'poet':
        queries = conversion.cfg.model.head.num_queries
        print(f'It has {queries} queries. The config inside says so too; to '
              'use it with the file in configs/:  --cfg-options '
              f'model.head.num_queries={queries}')


def main():
    args = parse_args()
    require_another_file(args.source, args.target)
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
    try:
        main()
    except UserError as error:
        sys.exit(f'convert_checkpoint.py: {error}')
