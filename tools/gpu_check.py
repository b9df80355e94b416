r"""Check and measure poet_mm on a GPU, without a network, in 9 minutes.

1. Run the tests that need a GPU.
2. Run the benchmark.
3. With --data-root, train every row of stride_coco_mini.py for its share of
   the time that is left.

A step that fails, or does not end in time, stops no other; the exit status is
then 1. The work dir gets results.json, README.md made from it, and logs.

Examples:
  python tools/gpu_check.py --data-root COCO_MINI
  python tools/gpu_check.py --data-root COCO_MINI --cfg-options \
      model.backbone.init_cfg.checkpoint=FILE
"""

import argparse
import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Dict, List, NamedTuple

__parse_first__ = True

from poet_mm import cli
from poet_mm.errors import UserError
from poet_mm.utils.layouts import check_data_root

ROOT = Path(__file__).resolve().parents[1]
START = time.monotonic()
SECONDS = 540  # in all
REPORT_SECONDS = 30  # of them, for JSON and page
KILL_SECONDS = 5  # after a step is asked to end


class Case(NamedTuple):
    """Hold what is run on a kind of device, and for how many seconds."""

    tests: List[str]  # options of pytest
    benchmark: List[str]
    comparison: Path
    limits: Dict[str, int] = dict(tests=180, benchmark=120)


COMPARISONS = ROOT / 'configs' / 'comparisons'
GPU = Case(
    ['-m', 'gpu'],
    ['attention', 'step', 'inference', 'peers', '--seconds', '1'],
    COMPARISONS / 'stride_coco_mini.py',
)
CPU = Case(
    ['-k', 'on_cpu'],
    ['attention', '--quick', '--seconds', '0'],
    COMPARISONS / 'stride_toy.py',
)


def parse_args() -> argparse.Namespace:
    """Parse the command line and check the files that it names."""
    parser = argparse.ArgumentParser(**cli.about(__doc__))
    parser.add_argument(
        '--data-root',
        metavar='DIR',
        help="folder in COCO's layout with a few thousand images (default: "
        'none, and no comparison)',
    )
    parser.add_argument(
        '--work-dir',
        type=Path,
        default=Path('work_dirs/gpu_check'),
        metavar='DIR',
        help='folder for results and logs',
    )
    parser.add_argument(
        '--cpu',
        action='store_true',
        help='check this tool without a GPU: the same tests on the CPU, a '
        'small benchmark, and stride_toy.py on the synthetic people of '
        '--data-root',
    )
    cli.add_options_argument(parser)
    args = parser.parse_args()
    cli.check_options(args.cfg_options)
    if args.data_root is not None:
        check_data_root(args.data_root)
        args.data_root = os.path.abspath(args.data_root)
    args.work_dir = args.work_dir.absolute()
    return args


def main() -> int:
    """Run all steps, write JSON and page; return 1 if any failed, else 0."""
    args = parse_args()
    import torch

    end = START + SECONDS - REPORT_SECONDS
    if args.cpu:
        os.environ['CUDA_VISIBLE_DEVICES'] = ''
    elif not torch.cuda.is_available():
        raise UserError(
            'torch sees no GPU. See what nvidia-smi and tools/check_stack.py '
            'say. To check this tool on the CPU, use --cpu.'
        )
    case = CPU if args.cpu else GPU
    args.work_dir.mkdir(parents=True, exist_ok=True)
    steps, tests = run_tests(case, args.work_dir)
    more_steps, parts = run_benchmark(case, args.work_dir)
    row_steps, rows = run_rows(case, args, end)
    steps += more_steps + row_steps
    write_results(args.work_dir, steps, tests=tests, parts=parts, rows=rows)
    bad = [
        step['name']
        for step in steps
        if step['result'] not in ('passed', 'skipped')
    ]
    print(
        f'\n{"Failed: " + ", ".join(bad) if bad else "All passed."}'
        f'\nResults  {args.work_dir}/results.json'
        f'\nPage     {args.work_dir}/README.md'
    )
    return int(bool(bad))


def run_step(
    name: str, seconds: float, command: List[str], work_dir: Path
) -> dict:
    """Run a command of this Python for at most some seconds.

    Args:
        name (str): Name of the step and of its log.
        seconds (float): Limit, at least 1.
        command (list[str]): Arguments of Python.
        work_dir (Path): Folder of the log.

    Returns:
        dict: ``name``, ``result`` ('passed', 'failed' or 'out of time'),
        ``seconds``, ``limit`` and ``command``.
    """
    limit = max(1, int(seconds))
    limited = ['timeout', '-k', str(KILL_SECONDS), str(limit), sys.executable]
    log = work_dir / f'{name}.log'
    start = time.monotonic()
    with (
        open(log, 'w') as file,
        subprocess.Popen(
            [*limited, *command],
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
        ) as process,
    ):
        try:
            code = process.wait()
        except KeyboardInterrupt:
            process.terminate()  # then `timeout` ends the command, too
            raise
    late = 'out of time'
    step = dict(
        name=name,
        result={0: 'passed', 124: late, 137: late}.get(code, 'failed'),
        seconds=round(time.monotonic() - start, 1),
        limit=limit,
        command=' '.join(['python', *command]),
    )
    print(
        f'{name}: {step["result"]}, {step["seconds"]:.0f} s, log {log}',
        flush=True,
    )
    return step


def run_tests(case: Case, work_dir: Path):
    """Return the step of the tests, in a list, and one dict a test."""
    from benchmarks.gpu_results import read_tests

    report = work_dir / 'tests.xml'
    report.unlink(missing_ok=True)
    command = ['-m', 'pytest', 'tests', *case.tests, f'--junitxml={report}']
    step = run_step('tests', case.limits['tests'], command, work_dir)
    tests = read_tests(report)
    # pytest passes if it skips all.
    if step['result'] == 'passed' and not any(
        test['result'] == 'passed' for test in tests
    ):
        step.update(result='failed', reason='no test passed')
    return [step], tests


def run_benchmark(case: Case, work_dir: Path):
    """Return the step of the benchmark, in a list, and its parts."""
    path = work_dir / 'benchmark.json'
    path.unlink(missing_ok=True)
    command = ['tools/benchmark.py', *case.benchmark, '--json', str(path)]
    step = run_step('benchmark', case.limits['benchmark'], command, work_dir)
    parts = {}
    # It is written after every part, perhaps not to its end.
    with suppress(FileNotFoundError, json.JSONDecodeError):
        parts = json.loads(path.read_text())['parts']
    return [step], parts


def run_rows(case: Case, args: argparse.Namespace, end: float):
    """Train each row of the comparison for its share of the time.

    Returns:
        tuple[list[dict], list[dict]]: Steps, and what :func:`read_row` gives.
    """
    if args.data_root is None:
        print('comparison: skipped, no --data-root')
        step = dict(name='comparison', result='skipped', seconds=0)
        return [dict(step, reason='no --data-root')], []
    from benchmarks.gpu_results import read_row

    from poet_mm.comparison.spec import read_comparison

    comparison = read_comparison(str(case.comparison), args.data_root)
    work_dir = args.work_dir / 'comparison'
    steps, rows = [], []
    for i, row in enumerate(comparison.rows):
        share = (end - time.monotonic()) / (len(comparison.rows) - i)
        command = [
            'tools/compare_strides.py',
            str(case.comparison),
            *('--data-root', args.data_root),
            *('--work-dir', str(work_dir)),
            *('--row', row.name),
            *('--cfg-options', 'default_hooks.logger.interval=10'),
            *args.cfg_options,
        ]
        step = run_step(row.name, share - KILL_SECONDS, command, args.work_dir)
        log = args.work_dir / f'{row.name}.log'
        measured = read_row(log, work_dir / 'rows', row.epochs)
        # Only its first minutes are wanted.
        if step['result'] == 'out of time' and measured:
            step['result'] = 'passed'
        steps.append(step)
        rows.append(dict(name=row.name, **measured))
    return steps, rows


def write_results(work_dir: Path, steps: List[dict], **results) -> None:
    """Write results.json, and README.md from it."""
    from benchmarks.gpu_results import write_gpu_page
    from benchmarks.machine import commit, describe_machine

    results = dict(
        command=' '.join(['python tools/gpu_check.py', *sys.argv[1:]]),
        commit=commit(),
        machine=describe_machine(),
        steps=steps,
        **results,
    )
    (work_dir / 'results.json').write_text(json.dumps(results, indent=1))
    write_gpu_page(results, work_dir / 'README.md')


if __name__ == '__main__':
    sys.exit(cli.run(main))
