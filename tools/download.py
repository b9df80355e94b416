"""Download weights of the zoo, or list the zoo.

Weights of other programs are converted. The files are kept in
${XDG_CACHE_HOME:-~/.cache}/poet_mm/models. Other tools download what they need
by themselves: infer.py --model NAME, test.py NAME, train.py --cfg-options
load_from=NAME. The environment variable POET_MM_ZOO names another zoo than
configs/zoo.yml.

Examples:
  python tools/download.py
  python tools/download.py poet-r50
"""

import argparse
import sys

__parse_first__ = True

from poet_mm import cli
from poet_mm.checkpoints import zoo


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(**cli.about(__doc__))
    parser.add_argument(
        'names',
        nargs='*',
        metavar='NAME',
        help='model of the zoo (default: list all)',
    )
    args = parser.parse_args()
    for name in args.names:
        zoo.find_entry(name)
    return args


def list_zoo() -> None:
    """Print the zoo as a table."""
    from tabulate import tabulate

    print(tabulate(zoo.table(), headers='keys'))


def main() -> int:
    args = parse_args()
    if not args.names:
        list_zoo()
    try:
        for name in args.names:
            print(zoo.fetch(name))
    except KeyboardInterrupt:
        print('download.py: stopped; the next call continues', file=sys.stderr)
        return 130
    return 0


if __name__ == '__main__':
    sys.exit(cli.run(main, code=2))
