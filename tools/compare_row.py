"""Train and evaluate one row of a comparison, and measure what it costs.

compare_strides.py starts this for every row, in a process of its own, so that
a row that fails takes no other with it.

Examples:
  python tools/compare_row.py configs/comparisons/stride_toy.py ROW \\
      --work-dir work_dirs/stride_toy
  python tools/compare_row.py configs/comparisons/stride_toy.py ROW \\
      --work-dir work_dirs/try --epochs 1
"""
import argparse
import os

__parse_first__ = True

from poet_mm import cli
from poet_mm.errors import UserError


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(**cli.about(__doc__))
    cli.add_comparison_arguments(parser)
    parser.add_argument('row', metavar='ROW', help='name of the row')
    parser.add_argument(
        '--work-dir',
        required=True,
        metavar='DIR',
        help='folder for the rows of the comparison')
    parser.add_argument(
        '--progress',
        default='',
        metavar='TEXT',
        help='begins every line of progress (default: nothing)')
    parser.add_argument(
        '--rows-left',
        type=int,
        default=0,
        metavar='N',
        help='number of rows that train after this one')
    parser.add_argument(
        '--watch',
        type=int,
        metavar='PID',
        help='process that ends the row when it ends (default: none)')
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch'],
        default='none',
        help='what starts the processes of a distributed job')
    cli.add_rank_argument(parser)
    args = parser.parse_args()
    cli.check_file(args.comparison, 'comparison file')
    cli.check_options(args.cfg_options)
    if args.data_root is not None:
        cli.check_data_root(args.data_root)
    return args


def run_row(args: argparse.Namespace) -> None:
    """Train, test and measure the row that the arguments name."""
    from poet_mm.comparison import training
    from poet_mm.comparison.spec import (
        read_comparison,
        row_config,
        row_folder,
    )
    comparison = read_comparison(args.comparison, args.data_root,
                                 cli.budget_of(args), args.cfg_options)
    rows = {row.name: row for row in comparison.rows}
    if args.row not in rows:
        raise UserError(f'There is no row {args.row} in {args.comparison}, '
                        f'only {", ".join(rows)}.')
    row = rows[args.row]
    cfg = row_config(comparison, row)
    cfg.work_dir = row_folder(args.work_dir, comparison, row, cfg, args.gpus)
    cfg.launcher = args.launcher
    if not row.checkpoint:
        cli.check_pretrained(cfg)
    progress = training.ProgressHook(args.progress, args.rows_left, args.watch)
    training.run_row(comparison, row, cfg, progress)


def main() -> None:
    args = cli.start(parse_args())
    from poet_mm.checkpoints.safe_load import safe_loading
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    with safe_loading(args.trust_pickle):
        run_row(args)


if __name__ == '__main__':
    cli.run(main, name='UserError')  # read by compare_strides.py
