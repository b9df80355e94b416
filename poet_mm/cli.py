"""What the tools share: arguments, checks that answer at once, and configs.

A tool parses and checks its arguments before anything heavy is imported, so
that ``--help`` and a mistyped option are answered at once:

1. It sets ``__parse_first__ = True``, then imports this file, which imports
   the standard library only.
2. It parses its arguments, and looks for the files that they name.
3. :func:`start` registers the parts of poet_mm.
4. Only then, inside of functions, it imports torch, mmengine and our rooms.
"""

import argparse
import os
import os.path as osp
import sys
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Callable, Iterator, List, Optional

import poet_mm

from .errors import MissingFile, OutOfGPUMemory, UserError, first_line
from .utils.config import (
    check_data_root,
    pretrained_files,
    read_config,
    set_data_root,
)

if TYPE_CHECKING:
    from mmengine.config import Config

AMP_WRAPPERS = ('OptimWrapper', 'AmpOptimWrapper', 'BFloat16OptimWrapper')
TENSORBOARD = 'TensorboardVisBackend'


class HelpFormatter(
    argparse.ArgumentDefaultsHelpFormatter,
    argparse.RawDescriptionHelpFormatter,
):
    """Show every default, and keep the lines of description and examples."""

    def _get_help_string(self, action: argparse.Action) -> str:
        if action.default in (None, []) or 'default:' in action.help:
            return action.help
        if action.default is False:
            return f'{action.help} (default: off)'
        if isinstance(action.default, (list, tuple)):
            values = ' '.join(map(str, action.default))
            return f'{action.help} (default: {values})'
        return super()._get_help_string(action)


def about(doc: str) -> dict:
    """Return the keywords of a parser whose help ends with the examples that
    a docstring ends with.
    """
    description, _, examples = doc.partition('Examples:\n')
    return dict(
        description=description.strip(),
        epilog=f'Examples:\n{examples.rstrip()}',
        formatter_class=HelpFormatter,
    )


def add_trust_argument(parser: argparse.ArgumentParser) -> None:
    """Add the flag of all tools that read checkpoints."""
    parser.add_argument(
        '--trust-pickle',
        action='store_true',
        help='also load checkpoints that hold more than data: this runs '
        'whatever code is in them',
    )


def add_options_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``--cfg-options``, a list until :func:`start` reads it."""
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action='extend',
        default=[],
        metavar='KEY=VALUE',
        help='changes to the config, for example '
        'optim_wrapper.optimizer.lr=1e-4 model.backbone.init_cfg=None '
        '(default: none)',
    )


def add_rank_argument(parser: argparse.ArgumentParser) -> None:
    """Add what torch.distributed.launch passes."""
    parser.add_argument(
        '--local_rank',
        '--local-rank',
        type=int,
        default=0,
        metavar='N',
        help='number of the process on its machine, given by the launcher',
    )


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags that train.py and test.py share."""
    parser.add_argument(
        '--work-dir',
        metavar='DIR',
        help='folder for logs and results (default: work_dir of the config, '
        'else work_dirs/ and the name of the config)',
    )
    parser.add_argument(
        '--data-root',
        metavar='DIR',
        help="folder in COCO's layout, for all loaders and evaluators "
        '(default: those of the config)',
    )
    parser.add_argument(
        '--show-dir',
        metavar='DIR',
        help='folder in the work dir for drawn predictions (default: none '
        'are drawn)',
    )
    parser.add_argument(
        '--show', action='store_true', help='show predictions in a window'
    )
    parser.add_argument(
        '--interval',
        type=int,
        default=1,
        metavar='N',
        help='draw every N-th image',
    )
    parser.add_argument(
        '--wait-time',
        type=float,
        default=1,
        metavar='SECONDS',
        help='seconds that a window stays',
    )
    add_options_argument(parser)
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='what starts the processes of a distributed job',
    )
    add_trust_argument(parser)
    add_rank_argument(parser)


def check_file(path: str, what: str) -> None:
    """Raise a UserError unless a file is there, or the path is a URL."""
    if '://' not in path and not osp.isfile(path):
        raise UserError(f'There is no {what} {path}.')


def check_common_arguments(args: argparse.Namespace) -> None:
    """Look for the config, the data root and the form of the options."""
    check_file(args.config, 'config')
    if args.data_root is not None:
        check_data_root(args.data_root)
    check_options(args.cfg_options)


def check_options(pairs: List[str]) -> None:
    """Raise a UserError unless all options are ``key=value``."""
    for pair in pairs:
        if '=' not in pair:
            raise UserError(f'--cfg-options got {pair}, expected KEY=VALUE.')


def read_options(pairs: List[str]) -> dict:
    """Read the ``key=value`` strings of ``--cfg-options`` as mmengine does."""
    from mmengine.config import DictAction

    check_options(pairs)
    options = argparse.Namespace()
    try:
        DictAction([], 'options')(None, options, pairs)
    except AssertionError as error:
        raise UserError(f'--cfg-options: {error}.') from error
    return options.options


def start(args: argparse.Namespace) -> argparse.Namespace:
    """Register poet_mm for arguments that are parsed and checked.

    Returns:
        Namespace: The same, with ``cfg_options``, if any, as a dict.
    """
    poet_mm.register()
    if 'cfg_options' in args:
        args.cfg_options = read_options(args.cfg_options)
    return args


def run(
    main: Callable, *args, code: Optional[int] = None, name: str = ''
) -> Any:
    """Call the main function of a tool; say a mistake of the user in a line.

    Args:
        main (callable): Raises a UserError for a mistake.
        *args: Its arguments.
        code (int, optional): What to return after a mistake. Without it the
            process ends, with exit code 1.
        name (str): Begins the line. Defaults to the name of the tool.

    Returns:
        Any: What ``main`` returns, or ``code``.
    """
    try:
        return main(*args)
    except UserError as error:
        message = f'{name or osp.basename(sys.argv[0])}: {error}'
    finally:
        if not poet_mm.registered:
            _forget_poet_mm()
    if code is None:
        sys.exit(message)
    print(message, file=sys.stderr)
    return code


def _forget_poet_mm() -> None:
    """Let the next ``import poet_mm`` of this process register, which a tool
    that ended before :func:`start` has put off.
    """
    for module in list(sys.modules):
        if module.split('.')[0] == 'poet_mm':
            del sys.modules[module]


@contextmanager
def explain_full_gpu(cfg: 'Config', loader: str) -> Iterator[None]:
    """Say what needs less memory when a GPU is full.

    Args:
        cfg (Config): Of the runner that is built and run inside.
        loader (str): 'train' or 'test'.
    """
    import torch

    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        changes = ''.join(f'\n  - {x}' for x in needs_less(cfg, loader))
        raise OutOfGPUMemory(
            f'{first_line(error)}\nWhat needs less memory (--cfg-options, '
            f'where not said otherwise):{changes}'
        ) from error


def needs_less(cfg: 'Config', loader: str) -> Iterator[str]:
    """Yield changes to a config, cheapest first."""
    size = f'{loader}_dataloader.batch_size below '
    size += str(cfg[f'{loader}_dataloader'].get('batch_size', 1))
    if loader == 'train':
        yield '--amp (a flag)'
        layers = cfg.model.head.get('encoder', {}).get('num_layers')
        if layers:
            yield (
                f'model.head.encoder.num_cp={layers}: the encoder is '
                'computed twice instead of kept'
            )
        yield 'efficient_conv_bn_eval=[backbone], if its norms are frozen'
        size += '; optim_wrapper.accumulative_counts=2 makes up for half of it'
    yield size
    yield (
        'fewer tokens: short_edges and max_size of ShortEdgeResize in the '
        'pipeline, or a config for 512 pixels (*_512_coco.py) or of a '
        'larger stride (dc45, dc5, none in its name: 8, 16, 32)'
    )


def load_config(args: argparse.Namespace) -> 'Config':
    """Read the config and apply the flags of train.py and test.py."""
    import torch

    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    check_file(args.config, 'config')
    cfg = read_config(args.config)
    cfg.launcher = args.launcher
    if args.launcher != 'none' and not torch.cuda.is_available():
        start_without_gpu(cfg)
    default = cfg.get('work_dir') or osp.join(
        'work_dirs', osp.splitext(osp.basename(args.config))[0]
    )
    cfg.work_dir = args.work_dir or default
    if args.data_root is not None:
        set_data_root(cfg, args.data_root)
    if args.show or args.show_dir is not None:
        cfg.default_hooks.visualization.update(
            enable=True,
            show=args.show,
            out_dir=args.show_dir,
            wait_time=args.wait_time,
            interval=args.interval,
        )
    return cfg


def start_without_gpu(cfg: 'Config') -> None:
    """Join the processes of a job on CPUs; mmengine's launchers give every
    process a GPU, and so does its wrapper of the model.

    Args:
        cfg (Config): With ``launcher``; changed in place.

    Raises:
        UserError: The launcher is not that of torchrun.
    """
    from torch import distributed

    if cfg.launcher != 'pytorch' or 'RANK' not in os.environ:
        raise UserError(
            f'--launcher {cfg.launcher} needs a GPU for every process, and '
            'there is none here: on CPUs only bash tools/dist_train.sh and '
            'dist_test.sh (torchrun) start several.'
        )
    if not distributed.is_initialized():
        distributed.init_process_group('gloo')
    cfg.model_wrapper_cfg = dict(
        type='MMDistributedDataParallel',
        device_ids=None,
        broadcast_buffers=False,
    )


def use_amp(cfg: 'Config', dtype: str) -> None:
    """Switch the optimiser wrapper to automatic mixed precision."""
    import torch

    from .engine.optim_wrappers import has_bfloat16

    wrapper = cfg.optim_wrapper.get('type', 'OptimWrapper')
    if wrapper not in AMP_WRAPPERS:
        raise UserError(
            f'--amp cannot replace optim_wrapper.type={wrapper}, '
            f'only {", ".join(AMP_WRAPPERS)}.'
        )
    gpu = torch.cuda.is_available()
    if dtype == 'auto':
        dtype = 'float16'
        if has_bfloat16('cuda' if gpu else 'cpu'):
            dtype = 'bfloat16'
        elif not gpu:
            raise UserError(
                '--amp would only slow training down: there is no '
                'GPU, and this CPU emulates bfloat16. Leave it '
                'out (or insist with --amp bfloat16).'
            )
    if dtype == 'bfloat16':
        cfg.optim_wrapper.type = 'BFloat16OptimWrapper'
        return
    if not gpu:
        raise UserError(
            '--amp float16 needs a GPU that torch can use, and '
            'there is none here: --amp bfloat16 does not.'
        )
    cfg.optim_wrapper.type = 'AmpOptimWrapper'
    cfg.optim_wrapper.dtype = dtype
    cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')


def use_tensorboard(cfg: 'Config') -> None:
    """Add TensorBoard to where the visualizer writes."""
    if find_spec('tensorboard') is None:
        raise UserError(
            '--tensorboard needs tensorboard, which cannot be '
            'imported here: pip install tensorboard .'
        )
    backends = cfg.visualizer.setdefault('vis_backends', [])
    if all(node['type'] != TENSORBOARD for node in backends):
        backends.append(dict(type=TENSORBOARD))


def check_pretrained(cfg: 'Config') -> None:
    """Load the weights that the model starts from, to see that they are there.

    Raises:
        UserError: They can neither be read nor downloaded; says how to give a
            file or to start without.
    """
    from mmengine.runner import CheckpointLoader

    for path in pretrained_files(cfg):
        try:
            CheckpointLoader.load_checkpoint(path, map_location='cpu')
        except Exception as error:
            if isinstance(error, UserError) and not isinstance(
                error, MissingFile
            ):
                raise
            raise UserError(
                f'Cannot get the weights {path!r} that the model starts from '
                f'({type(error).__name__}: {first_line(error)}). '
                'Give a file with '
                '--cfg-options model.backbone.init_cfg.checkpoint=FILE, or '
                'start from random weights with '
                '--cfg-options model.backbone.init_cfg=None .'
            ) from error
