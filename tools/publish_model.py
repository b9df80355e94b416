"""Make a checkpoint small and safe to give away.

    python tools/publish_model.py work_dirs/poet/epoch_300.pth poet_r50.pth

writes poet_r50-0123abcd.pth: the weights (with EMA the averaged ones), config,
metainfo and versions, without optimiser and logs; the name has the beginning
of the file's SHA-256. Absolute paths of the config are shortened, the data
root to data/ (--data-root of test.py moves it), and where it was run is left
out. The file holds tensors, numbers and strings only, so that
``torch.load(weights_only=True)`` reads it on every version of torch, and
``POETInferencer(None, FILE)`` needs nothing else.
"""
import argparse
import os.path as osp
import sys

from poet_mm.checkpoints.publish import publish
from poet_mm.checkpoints.safe_load import add_trust_argument, safe_loading
from poet_mm.errors import UserError


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('source', help='checkpoint file')
    parser.add_argument('target', help='file to write, NAME.pth')
    add_trust_argument(parser)
    return parser.parse_args()


def main():
    args = parse_args()
    with safe_loading(args.trust_pickle):
        path = publish(args.source, args.target)
    before, after = (osp.getsize(name) / 1e6 for name in (args.source, path))
    print(f'{path}: {after:.1f} MB, of {before:.1f}')


if __name__ == '__main__':
    try:
        main()
    except UserError as error:
        sys.exit(f'publish_model.py: {error}')
