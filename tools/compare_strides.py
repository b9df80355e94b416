"""Train and evaluate the rows of a comparison file, one after another, and
write one table and the paper's Figure 1.

May be stopped at any point and run again: finished rows are kept, a
half-trained row goes on. A row that fails is reported in the table; the next
run tries it again. Each row runs in a process of its own, which ``--row``
also starts by hand.

Examples:
  python tools/compare_strides.py configs/comparisons/stride_toy.py
  python tools/compare_strides.py configs/comparisons/stride_coco.py \\
      --data-root COCO --gpus 4
"""

import argparse
import ctypes
import json
import os
import os.path as osp
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, List, Optional

__parse_first__ = True

from poet_mm import cli
from poet_mm.errors import UserError

if TYPE_CHECKING:
    from poet_mm.comparison.spec import Comparison, Row

PUBLISHED = osp.join(
    osp.dirname(osp.abspath(__file__)), '../configs/comparisons/published.json'
)
NOTE = (
    'AP and AR in percent. Parameters: all, and those that are trained. '
    'GFLOPs are multiply-adds for a square of the input size, both passes of '
    'a flip test counted; times are medians of single test images; memory is '
    'the most that training took, on the GPU or, without one, of the whole '
    'process. Sigma is in cells.'
)
PR_SET_PDEATHSIG = 1


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(**cli.about(__doc__))
    parser.add_argument(
        'comparison',
        metavar='COMPARISON',
        help='comparison file, see configs/comparisons',
    )
    parser.add_argument(
        '--data-root',
        metavar='DIR',
        help="folder in COCO's layout, for all rows (default: that of the "
        'comparison file)',
    )
    parser.add_argument(
        '--work-dir',
        metavar='DIR',
        help='folder for rows and table (default: work_dirs/ and the name of '
        'the comparison file)',
    )
    parser.add_argument(
        '--epochs',
        type=int,
        metavar='N',
        help='epochs of every row that is trained (default: those of the '
        'comparison file)',
    )
    parser.add_argument(
        '--gpus',
        type=int,
        default=1,
        metavar='N',
        help="number of GPUs; more than 1 train under torch's distributed "
        'launcher',
    )
    parser.add_argument(
        '--row',
        metavar='NAME',
        help='run this row only, in this process, and write no table '
        '(default: all rows)',
    )
    cli.add_options_argument(parser)
    cli.add_trust_argument(parser)
    args = parser.parse_args()
    cli.check_file(args.comparison, 'comparison file')
    stem = osp.splitext(osp.basename(args.comparison))[0]
    args.work_dir = args.work_dir or osp.join('work_dirs', stem)
    cli.check_options(args.cfg_options)
    if args.data_root is not None:
        cli.check_data_root(args.data_root)
    return args


def main() -> int:
    """Run all rows, or that of ``--row``; return 1 if any failed, else 0."""
    args = cli.start(parse_args())
    import torch

    from poet_mm.comparison.spec import (
        check_files,
        read_comparison,
        row_config,
        row_folder,
    )

    if args.gpus > 1 and torch.cuda.device_count() < args.gpus:
        raise UserError(
            f'--gpus {args.gpus}: there are {torch.cuda.device_count()} here.'
        )
    comparison = read_comparison(
        args.comparison, args.data_root, args.epochs, args.cfg_options
    )
    configs = {
        row.name: row_config(comparison, row) for row in comparison.rows
    }
    for row in comparison.rows:
        cfg = configs[row.name]
        check_files(cfg, row)
        cfg.work_dir = row_folder(
            args.work_dir, comparison, row, cfg, args.gpus
        )
    if args.row is None:
        folders = [cfg.work_dir for cfg in configs.values()]
        return run_rows(args, comparison, folders)
    rows = {row.name: row for row in comparison.rows}
    if args.row not in rows:
        raise UserError(
            f'There is no row {args.row} in {args.comparison}, '
            f'only {", ".join(rows)}.'
        )
    return train_row(args, comparison, rows[args.row], configs[args.row])


def train_row(
    args: argparse.Namespace, comparison: 'Comparison', row: 'Row', cfg
) -> int:
    """Train, test and measure one row in this process."""
    from poet_mm.checkpoints.safe_load import safe_loading
    from poet_mm.comparison.row import run_row

    cfg.launcher = 'pytorch' if args.gpus > 1 else 'none'
    with safe_loading(args.trust_pickle):
        if not row.checkpoint:
            cli.check_pretrained(cfg)
        run_row(comparison, row, cfg)
    return 0


def run_rows(
    args: argparse.Namespace, comparison: 'Comparison', folders: List[str]
) -> int:
    """Run the rows that have no result; return 1 if any failed, else 0."""
    from poet_mm.comparison.table import format_cell

    print(
        f'{len(folders)} rows, data in {comparison.data_root}, results in '
        f'{args.work_dir}'
    )
    results = [
        {
            **(read_result(folder) or dict(how='not yet run')),
            'name': row.name,
            'method': row.method,
            'backbone': row.backbone,
        }
        for row, folder in zip(comparison.rows, folders)
    ]
    failed = 0
    for i, (row, folder) in enumerate(zip(comparison.rows, folders)):
        label = f'[{i + 1}/{len(folders)}] {row.name}'
        if read_result(folder) is None:
            what = (
                f'evaluates {row.checkpoint}'
                if row.checkpoint
                else f'trains for {row.epochs} epochs'
            )
            print(f'{label}: {what}, log {folder}/console.log', flush=True)
            error = run_process(row_command(args.gpus, row.name), folder)
            failed += error is not None
            results[i].update(
                dict(how=f'failed: {error}') if error else read_result(folder)
            )
        ap = format_cell(results[i].get('AP'), '.1f')
        print(f'{label}: AP {ap}, {results[i]["how"]}', flush=True)
        write_results(comparison, results, args.work_dir)
    print(
        f'\nTable   {args.work_dir}/table.md\n'
        f'Figure  {args.work_dir}/figure1.png'
    )
    if comparison.val_interval:
        print(f'Figure  {args.work_dir}/convergence.png')
    return min(failed, 1)


def row_command(gpus: int, name: str) -> List[str]:
    """Return the command of one row: this one, and ``--row``."""
    tool = [osp.abspath(__file__), *sys.argv[1:], '--row', name]
    if gpus > 1:
        tool = [
            '-m',
            'torch.distributed.run',
            '--standalone',
            f'--nproc_per_node={gpus}',
            *tool,
        ]
    return [sys.executable, *tool]


def end_with_parent() -> None:
    """Have Linux end this process when its parent is killed."""
    if sys.platform == 'linux':
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def run_process(command: List[str], folder: str) -> Optional[str]:
    """Run the process of a row; return why it failed, None if it did not.

    All it says goes to ``console.log``.
    """
    os.makedirs(folder, exist_ok=True)
    log = osp.join(folder, 'console.log')
    with open(log, 'w') as file:
        code = subprocess.run(
            command,
            stdout=file,
            stderr=subprocess.STDOUT,
            preexec_fn=end_with_parent if os.name == 'posix' else None,
            check=False,
        ).returncode
    if osp.isfile(osp.join(folder, 'result.json')):
        return None
    return f'{reason(log, code)} ({log})'


def reason(log: str, code: int) -> str:
    """Say why a row failed, in one line."""
    if code < 0:
        return f'ended by {signal.Signals(-code).name}'
    with open(log, errors='replace') as file:
        lines = [line.strip() for line in file if line.strip()]
    errors = [line for line in lines if 'Error: ' in line]
    return (errors or lines or ['no output'])[-1][:200]


def read_result(folder: str) -> Optional[dict]:
    """Return the result of a finished row, or None."""
    path = osp.join(folder, 'result.json')
    return read_json(path) if osp.isfile(path) else None


def read_json(path: str) -> dict:
    """Read a JSON file."""
    with open(path) as file:
        return json.load(file)


def write_results(
    comparison: 'Comparison', results: List[dict], work_dir: str
) -> None:
    """Write table and figures of the rows so far."""
    from poet_mm.comparison.convergence import draw_convergence
    from poet_mm.comparison.strides import draw_strides
    from poet_mm.comparison.table import write_table

    published = read_json(PUBLISHED)
    rows = results + [dict(row, how='published') for row in published['rows']]
    write_table(rows, work_dir, comparison.title, [NOTE], published['source'])
    draw_strides(rows, osp.join(work_dir, 'figure1.png'), comparison.title)
    draw_convergence(
        results, osp.join(work_dir, 'convergence.png'), comparison.title
    )


if __name__ == '__main__':
    try:  # the name is what `reason` looks for in the log of a row
        sys.exit(
            cli.run(main, name='UserError' if '--row' in sys.argv else '')
        )
    except KeyboardInterrupt:
        print('\nStopped; run it again to go on.', file=sys.stderr)
        sys.exit(130)
