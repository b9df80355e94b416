r"""Train and evaluate the rows of a comparison file, one after another.

This writes one table of all rows and the paper's Figure 1. It may be stopped
at any point and run again: finished rows are kept, and a half-trained row is
resumed. A row that fails is reported in the table, and the next run tries it
again. Each row runs in its own process; ``--row`` runs one in this process.

Examples:
  python tools/compare_strides.py configs/comparisons/stride_toy.py
  python tools/compare_strides.py configs/comparisons/stride_coco.py \
      --data-root COCO --gpus 4
"""

import argparse
import ctypes
import os
import os.path as osp
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, List, Tuple, Union

__parse_first__ = True

from poet_mm import cli
from poet_mm.errors import UserError
from poet_mm.utils.layouts import check_data_root

if TYPE_CHECKING:
    from mmengine.config import Config

    from poet_mm.comparison.spec import Comparison, Row

PUBLISHED = osp.join(
    osp.dirname(osp.abspath(__file__)), '../configs/comparisons/published.json'
)
NOTE = (
    "AP and AR are in percent. 'params' counts all parameters, 'trained' "
    'those with gradients. GFLOPs are multiply-adds of a prediction for a '
    'square of the input size, both passes of a flip test counted. Times are '
    'medians of single test images; post-processing includes decoding, '
    'grouping and NMS. Memory is the peak of training, on the GPU or, without '
    "one, of the whole process. 'sigma' is the width of AE's heatmap peaks in "
    'heatmap cells.'
)
PR_SET_PDEATHSIG = 1  # of Linux's prctl


def parse_args() -> argparse.Namespace:
    """Parse the command line and check the files that it names."""
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
        help='run only this row, in this process, and write no table '
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
        check_data_root(args.data_root)
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
        set_batch,
    )

    if args.gpus > 1 and torch.cuda.device_count() < args.gpus:
        raise UserError(
            f'--gpus is {args.gpus}, but this machine has '
            f'{torch.cuda.device_count()}.'
        )
    comparison = read_comparison(
        args.comparison, args.data_root, args.epochs, args.cfg_options
    )
    rows, sources = [], {}  # name of a row: its config, or its checkpoint
    for row in comparison.rows:
        cfg = row_config(comparison, row)
        check_files(cfg, row)
        source = row.start_from or row.checkpoint
        source = sources.get(source, source)
        cfg.work_dir = row_folder(
            args.work_dir, comparison, row, cfg, args.gpus, source
        )
        set_batch(comparison, row, cfg, args.gpus)
        sources[row.name] = source if row.checkpoint else cfg
        rows.append((row, cfg))
        if row.name == args.row:
            run_here(args, comparison, row, cfg, source)
            return 0
    if args.row is None:
        return run_all(args, comparison, rows)
    raise UserError(
        f'There is no row {args.row} in {args.comparison}, only '
        f'{", ".join(row.name for row, _ in rows)}.'
    )


def run_here(
    args: argparse.Namespace,
    comparison: 'Comparison',
    row: 'Row',
    cfg: 'Config',
    source: Union['Config', str, None],
) -> None:
    """Train, test and measure one row in this process.

    ``source`` is that of :func:`poet_mm.comparison.row.set_source`.
    """
    from poet_mm.checkpoints.safe_load import safe_loading
    from poet_mm.comparison.row import run_row, set_source

    if source is not None:
        set_source(cfg, row, source)
    cfg.launcher = 'pytorch' if args.gpus > 1 else 'none'
    with safe_loading(args.trust_pickle):
        if not row.checkpoint:
            cli.check_pretrained(cfg)
        run_row(comparison, row, cfg)


def run_all(
    args: argparse.Namespace,
    comparison: 'Comparison',
    rows: List[Tuple['Row', 'Config']],
) -> int:
    """Run the rows that have no result; return 1 if any failed, else 0.

    Table and figures are written after every row.
    """
    from poet_mm.comparison.row import read_result
    from poet_mm.comparison.table import format_cell

    print(
        f'{len(rows)} rows, data in {comparison.data_root}, results in '
        f'{args.work_dir}'
    )
    results = []
    for row, cfg in rows:
        result = read_result(cfg.work_dir) or dict(how='not yet run')
        result.update(name=row.name, method=row.method)
        result.update(backbone=row.backbone, x=row.x)
        results.append(result)
    for i, ((row, cfg), result) in enumerate(zip(rows, results), 1):
        label = f'[{i}/{len(rows)}] {row.name}'
        if result['how'] == 'not yet run':
            what = f'trains for {row.epochs} epochs'
            if row.checkpoint:
                what = f'evaluates {row.checkpoint}'
            log = osp.join(cfg.work_dir, 'console.log')
            print(f'{label}: {what}, log {log}', flush=True)
            error = run_process(row_command(args.gpus, row.name), log)
            failure = dict(how=f'failed: {error} ({log})')
            result.update(read_result(cfg.work_dir) or failure)
        ap = format_cell(result.get('AP'), '.1f')
        print(f'{label}: AP {ap}, {result["how"]}', flush=True)
        write_results(comparison, results, args.work_dir)
    print(
        f'\nTable   {args.work_dir}/table.md\n'
        f'Figure  {args.work_dir}/figure1.png'
    )
    if osp.isfile(osp.join(args.work_dir, 'convergence.png')):
        print(f'Figure  {args.work_dir}/convergence.png')
    return int(any(r['how'].startswith('failed: ') for r in results))


def row_command(gpus: int, name: str) -> List[str]:
    """Return this process's command with ``--row``, for the GPUs."""
    tool = [osp.abspath(__file__), *sys.argv[1:], '--row', name]
    if gpus > 1:
        launcher = ['-m', 'torch.distributed.run', '--standalone']
        tool = [*launcher, f'--nproc_per_node={gpus}', *tool]
    return [sys.executable, *tool]


def end_with_parent() -> None:
    """Have Linux end this process when its parent is killed."""
    if sys.platform == 'linux':
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def run_process(command: List[str], log: str) -> str:
    """Run a command, write its output to a log, return the last error."""
    os.makedirs(osp.dirname(log), exist_ok=True)
    with open(log, 'w') as file:
        code = subprocess.run(
            command,
            stdout=file,
            stderr=subprocess.STDOUT,
            preexec_fn=end_with_parent,
            check=False,
        ).returncode
    return last_error(log, code)


def last_error(log: str, code: int) -> str:
    """Return why a process ended, in one line."""
    if code < 0:
        return f'ended by {signal.Signals(-code).name}'
    with open(log, errors='replace') as file:
        lines = [line.strip() for line in file if line.strip()]
    errors = [line for line in lines if 'Error: ' in line]
    return (errors or lines or ['no output'])[-1][:1000]


def write_results(
    comparison: 'Comparison', results: List[dict], work_dir: str
) -> None:
    """Write table and figures of the rows so far and of the paper."""
    from mmengine.fileio import load

    from poet_mm.comparison.figures import draw_ap, draw_convergence
    from poet_mm.comparison.table import write_table

    title, x_label = comparison.title, comparison.x_label
    rows, notes = list(results), [NOTE, *comparison.notes]
    if not x_label:
        published = load(PUBLISHED)
        rows += [dict(row, how='published') for row in published['rows']]
        notes.append(f'Published rows: {published["source"]}')
    write_table(rows, work_dir, title, notes, comparison.ap_after)
    draw_ap(rows, osp.join(work_dir, 'figure1.png'), title, x_label)
    draw_convergence(results, osp.join(work_dir, 'convergence.png'), title)


if __name__ == '__main__':
    # A failed row prints 'UserError: ...', which `last_error` finds in its
    # log.
    try:
        sys.exit(
            cli.run(main, name='UserError' if '--row' in sys.argv else '')
        )
    except KeyboardInterrupt:
        print('\nStopped. Run it again to continue.', file=sys.stderr)
        sys.exit(130)
