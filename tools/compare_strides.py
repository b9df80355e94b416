"""Train and evaluate the rows of a comparison file, one after another, and
write one table and the paper's Figure 1.

May be stopped at any point and run again: finished rows are kept, a
half-trained row goes on. A row that fails is reported in the table; the next
run tries it again.

Examples:
  python tools/compare_strides.py configs/comparisons/stride_toy.py
  python tools/compare_strides.py configs/comparisons/stride_coco.py \\
      --data-root COCO --gpus 4
"""
import argparse
import json
import os
import os.path as osp
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, List, Optional

__parse_first__ = True

import poet_mm
from poet_mm import cli
from poet_mm.errors import UserError

if TYPE_CHECKING:
    from poet_mm.comparison.spec import Comparison, Row

TOOLS = osp.dirname(osp.abspath(__file__))
PUBLISHED = osp.join(TOOLS, '../configs/comparisons/published.json')


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(**cli.about(__doc__))
    cli.add_comparison_arguments(parser)
    parser.add_argument(
        '--work-dir',
        metavar='DIR',
        help='folder for rows and table (default: work_dirs/ and the name of '
        'the comparison file)')
    args = parser.parse_args()
    cli.check_file(args.comparison, 'comparison file')
    cli.check_options(args.cfg_options)
    if args.data_root is not None:
        cli.check_data_root(args.data_root)
    stem = osp.splitext(osp.basename(args.comparison))[0]
    args.work_dir = args.work_dir or osp.join('work_dirs', stem)
    return args


def row_command(args: argparse.Namespace, row: 'Row', progress: str,
                rows_left: int) -> List[str]:
    """Return the command of one row."""
    tool = [osp.join(TOOLS, 'compare_row.py'), args.comparison, row.name]
    flags = [
        '--work-dir', args.work_dir, '--progress', progress, '--rows-left',
        str(rows_left), '--watch',
        str(os.getpid())
    ]
    for name in ('data_root', 'epochs', 'minutes', 'gpus'):
        if getattr(args, name):
            flags += [f'--{name.replace("_", "-")}', str(getattr(args, name))]
    if args.trust_pickle:
        flags += ['--trust-pickle']
    if args.cfg_options:
        flags += ['--cfg-options', *args.cfg_options]
    if args.gpus == 1:
        return [sys.executable, *tool, *flags]
    return [
        sys.executable, '-m', 'torch.distributed.run', '--standalone',
        f'--nproc_per_node={args.gpus}', *tool, '--launcher', 'pytorch', *flags
    ]


def reason(log: str, code: int) -> str:
    """Say why a row failed, in one line."""
    if code < 0:
        return f'ended by {signal.Signals(-code).name}'
    with open(log, errors='replace') as file:
        lines = [line.strip() for line in file if line.strip()]
    errors = [line for line in lines if 'Error: ' in line]
    return (errors or lines or ['no output'])[-1][:200]


def run_row(command: List[str], folder: str) -> Optional[str]:
    """Run the process of a row; return why it failed, None if it did not.

    All it says goes to ``console.log``, its progress to the console too.
    """
    from poet_mm.comparison.spec import PROGRESS
    os.makedirs(folder, exist_ok=True)
    log = osp.join(folder, 'console.log')
    with open(log, 'w') as file, subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors='replace') as process:
        for line in process.stdout:
            file.write(line)
            file.flush()
            if line.startswith(PROGRESS):
                print(f'   {line[len(PROGRESS):].rstrip()}', flush=True)
    if osp.isfile(osp.join(folder, 'result.json')):
        return None
    return f'{reason(log, process.returncode)} ({log})'


def read_result(folder: str) -> Optional[dict]:
    """Return the result of a finished row."""
    path = osp.join(folder, 'result.json')
    return read_json(path) if osp.isfile(path) else None


def read_json(path: str) -> dict:
    """Read a JSON file."""
    with open(path) as file:
        return json.load(file)


def write_results(comparison: 'Comparison', results: List[dict],
                  work_dir: str) -> None:
    """Write table and figure of what there is so far."""
    from poet_mm.comparison.convergence import draw_convergence
    from poet_mm.comparison.strides import draw_strides
    from poet_mm.comparison.table import write_table
    published = read_json(PUBLISHED)
    rows = [
        *results, *({
            **row, 'how': 'published'
        } for row in published['rows'])
    ]
    notes = [
        'AP and AR in percent. Parameters: all, and those that are trained. '
        'GFLOPs are multiply-adds for a square of the input size, both passes '
        'of a flip test counted; times are medians of single test images; '
        'memory is the most that training took, on the GPU or, without one, '
        'of the whole process. Sigma is in cells.'
    ]
    write_table(rows, work_dir, comparison.title, notes, published['source'])
    draw_strides(rows, osp.join(work_dir, 'figure1.png'), comparison.title)
    draw_convergence(results, osp.join(work_dir, 'convergence.png'),
                     comparison.title)


def main() -> int:
    """Run all rows; return 1 if any failed, else 0."""
    args = parse_args()
    poet_mm.register()
    import torch

    from poet_mm.comparison.spec import (
        check_files,
        read_comparison,
        row_config,
        row_folder,
    )
    if args.gpus > 1 and torch.cuda.device_count() < args.gpus:
        raise UserError(f'--gpus {args.gpus}: there are '
                        f'{torch.cuda.device_count()} here.')
    comparison = read_comparison(args.comparison, args.data_root,
                                 cli.budget_of(args),
                                 cli.read_options(args.cfg_options))
    configs = [row_config(comparison, row) for row in comparison.rows]
    for row, cfg in zip(comparison.rows, configs):
        check_files(cfg, row)
    folders = [
        row_folder(args.work_dir, comparison, row, cfg, args.gpus)
        for row, cfg in zip(comparison.rows, configs)
    ]
    print(f'{len(folders)} rows, data in {comparison.data_root}, results in '
          f'{args.work_dir}')
    for row in comparison.rows:
        print(f'   {row.name}: {describe_budget(comparison, row)}')
    failed = run_rows(args, comparison, folders)
    print(f'\nTable   {args.work_dir}/table.md\n'
          f'Figure  {args.work_dir}/figure1.png')
    if comparison.val_interval:
        print(f'Figure  {args.work_dir}/convergence.png')
    return min(failed, 1)


def describe_budget(comparison: 'Comparison', row: 'Row') -> str:
    """Say what a row is trained for."""
    from poet_mm.comparison.spec import row_budget
    if row.checkpoint:
        return f'evaluates {row.checkpoint}'
    (what, amount), = row_budget(comparison, row).items()
    return f'trains for {amount} {what}'


def run_rows(args: argparse.Namespace, comparison: 'Comparison',
             folders: List[str]) -> int:
    """Run the rows that have no result; return how many failed."""
    from poet_mm.comparison.table import format_cell
    results = [{
        **(read_result(folder) or dict(how='not yet run')),
        'name': row.name,
        'method': row.method,
        'backbone': row.backbone
    } for row, folder in zip(comparison.rows, folders)]
    failed = 0
    for i, (row, folder) in enumerate(zip(comparison.rows, folders)):
        progress = f'[{i + 1}/{len(folders)}] {row.name}'
        if read_result(folder) is None:
            print(progress, flush=True)
            rows_left = sum(
                not other.checkpoint and read_result(path) is None
                for other, path in zip(comparison.rows[i + 1:],
                                       folders[i + 1:]))
            error = run_row(
                row_command(args, row, progress, rows_left), folder)
            failed += error is not None
            results[i].update(
                dict(how=f'failed: {error}'
                     ) if error else read_result(folder))
        ap = format_cell(results[i].get('AP'), '.1f')
        print(f'{progress}: AP {ap}, {results[i]["how"]}', flush=True)
        write_results(comparison, results, args.work_dir)
    return failed


if __name__ == '__main__':
    try:
        sys.exit(cli.run(main))
    except KeyboardInterrupt:
        print('\nStopped; run it again to go on.', file=sys.stderr)
        sys.exit(130)
