"""Compile mmcv's wheel once per (mmcv, torch, Python) and keep it.

mmcv has no wheel on PyPI. A package manager would either compile it again for
every new environment, or install a wheel that was compiled against another
torch. So this tool keeps the wheel in a folder named after the versions it was
compiled against. The folder also keeps the unfinished build: ninja continues
an interrupted run.

The last line of stdout is the path of the wheel. Progress goes to stderr.

Examples:
  python tools/build_mmcv_wheel.py --cache ~/.cache/poet_mm mmcv==2.1.0
  python tools/build_mmcv_wheel.py --cache /shared/wheels mmcv==2.0.1
"""

import argparse
import fcntl
import os
import platform
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from importlib.metadata import version
from pathlib import Path


def parse_args():
    about, _, examples = __doc__.partition('Examples:\n')
    parser = argparse.ArgumentParser(
        description=about,
        epilog=f'Examples:\n{examples}',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'requirement',
        metavar='mmcv==VERSION',
        help="what to compile, for example 'mmcv==2.1.0'",
    )
    parser.add_argument(
        '--cache',
        type=Path,
        required=True,
        metavar='DIR',
        help='folder that keeps the wheels',
    )
    return parser.parse_args()


def say(text, end='\n'):
    print(text, end=end, file=sys.stderr, flush=True)


def wheel_key(requirement):
    """Return the name of the folder of a wheel.

    For example ``mmcv-2.1.0_torch-2.1.2_cp311_linux-x86_64``.
    """
    system = f'{platform.system()}-{platform.machine()}'.lower()
    python = f'cp{sys.version_info.major}{sys.version_info.minor}'
    return '_'.join(
        [
            requirement.replace('==', '-'),
            f'torch-{version("torch")}',
            python,
            system,
        ]
    )


def lock_folder(folder):
    """Lock a folder, so that two clones do not compile at the same time.

    Returns:
        file: It holds the lock until it is closed here and in the compiler.
    """
    lock = open(folder / 'lock', 'w')  # noqa: SIM115
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say(f'   waiting for another run that compiles in {folder}')
        fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def unpack_source(requirement, folder):
    """Download and unpack mmcv's sdist, and return the source tree."""
    if not (folder / 'src').exists():
        archive = download_source(requirement, folder)
        partial = folder / 'src.partial'
        shutil.rmtree(partial, ignore_errors=True)
        with tarfile.open(archive) as tar:
            # avoids a warning of Python 3.12; older than 3.9.17 has no filter
            tar.extraction_filter = getattr(tarfile, 'data_filter', None)
            tar.extractall(partial)
        partial.rename(folder / 'src')
    return next(folder.glob('src/*/setup.py')).parent


def download_source(requirement, folder):
    if not list(folder.glob('mmcv-*.tar.gz')):
        job = subprocess.run(
            [
                sys.executable,
                '-m',
                'pip',
                'download',
                '--quiet',
                '--no-deps',
                '--no-build-isolation',
                '--no-binary',
                ':all:',
                '--retries',
                '1',
                '--dest',
                str(folder),
                requirement,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if job.returncode:
            (folder / 'download.log').write_text(job.stdout)
            raise SystemExit(
                f'poet_mm: cannot get the source of {requirement} from the '
                'package index; connect this machine and run it again. '
                f'Details: {folder}/download.log'
            )
    return next(folder.glob('mmcv-*.tar.gz'))


def ask_for_torch_standard(source):
    """Compile mmcv with the C++ standard that torch needs."""
    # Workaround (mmcv<=2.1.0): its setup.py sets C++17, and the headers of
    # torch 2.14 need C++20.
    if tuple(map(int, version('torch').split('.')[:2])) >= (2, 14):
        setup = source / 'setup.py'
        setup.write_text(setup.read_text().replace('-std=c++17', '-std=c++20'))


def build_environment():
    """Return the environment variables of the build.

    Only mmcv's CPU operators are built, which needs no CUDA toolkit. POET
    calls no operator of mmcv, but mmpose imports them.
    """
    cpus = os.cpu_count()
    if hasattr(os, 'sched_getaffinity'):  # Linux: CPUs of this process
        cpus = len(os.sched_getaffinity(0))
    memory = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
    jobs = max(1, min(cpus, memory // 1_500_000_000))  # bytes per compiler
    env = dict(
        os.environ, MMCV_WITH_OPS='1', CUDA_VISIBLE_DEVICES='', FORCE_CUDA='0'
    )
    env.setdefault('MAX_JOBS', str(jobs))
    # torch's extension builder looks for `ninja` on PATH
    env['PATH'] = f'{Path(sys.executable).parent}{os.pathsep}{env["PATH"]}'
    return env


def compile_wheel(source, log_path, lock):
    """Run ``setup.py bdist_wheel`` and show how many files are compiled."""
    with open(log_path, 'a') as log:
        job = subprocess.Popen(
            [sys.executable, 'setup.py', 'bdist_wheel'],
            cwd=source,
            env=build_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=[lock.fileno()],
            start_new_session=True,
        )
        try:
            show_progress(job, source)
        finally:
            if job.poll() is None:  # interrupted: stop the compilers, too
                os.killpg(job.pid, signal.SIGTERM)
                job.wait()
    if job.returncode:
        tail = '\n'.join(log_path.read_text().splitlines()[-25:])
        raise SystemExit(
            f'{tail}\npoet_mm: mmcv did not compile (above, its '
            f'last lines; all of it in {log_path}).'
        )
    return next((source / 'dist').glob('*.whl'))


def show_progress(job, source):
    """Update one line on a terminal, or print one line a minute to a file."""
    total = sum(
        1
        for path in source.glob('mmcv/ops/csrc/pytorch/**/*.cpp')
        if not {'cuda', 'npu', 'mlu', 'mps'} & set(path.parts)
    )
    terminal = sys.stderr.isatty()
    start = shown = time.time()
    while job.poll() is None:
        time.sleep(1)
        if not terminal and time.time() - shown < 60:
            continue
        shown = time.time()
        done = sum(1 for _ in source.glob('build/temp*/**/*.o'))
        minutes, seconds = divmod(int(shown - start), 60)
        say(
            f'   {done} of {total} files compiled, '
            f'{minutes}:{seconds:02d} minutes',
            end='\r' if terminal else '\n',
        )
    if terminal:
        say('')


def build_wheel(requirement, folder, lock):
    say(
        f'   compiling {requirement} (5 to 15 minutes on 2 cores, once; if '
        f'interrupted,\n   the next run goes on with it) in {folder}'
    )
    source = unpack_source(requirement, folder)
    ask_for_torch_standard(source)
    built = compile_wheel(source, folder / 'build.log', lock)
    shutil.copy2(built, folder / 'wheel.partial')
    wheel = (folder / 'wheel.partial').rename(folder / built.name)
    shutil.rmtree(folder / 'src')
    return wheel


def main():
    args = parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # run `finally`
    folder = args.cache.expanduser() / wheel_key(args.requirement)
    folder.mkdir(parents=True, exist_ok=True)
    with lock_folder(folder) as lock:
        wheels = list(folder.glob('*.whl'))
        print(
            wheels[0]
            if wheels
            else build_wheel(args.requirement, folder, lock)
        )


if __name__ == '__main__':
    main()
