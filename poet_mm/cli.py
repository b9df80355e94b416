"""Share arguments, checks and config changes between the tools.

A tool checks its arguments before it imports torch, so that ``--help`` and
wrong arguments are answered before torch loads:

1. It sets ``__parse_first__ = True`` and imports this file, which only needs
   the standard library.
2. It parses its arguments, and checks that the files exist.
3. It calls :func:`start`, which registers the classes of poet_mm.
4. It imports torch, mmengine and other parts of poet_mm inside functions.
"""

import argparse
import os
import os.path as osp
import sys
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Callable, List, Optional, Sequence

import poet_mm

from .checkpoints import zoo
from .errors import DataFault, UserError, first_line
from .utils.annotation_files import look
from .utils.config import (
    annotation_files,
    find_config,
    pretrained_files,
    read_config,
    set_data_root,
    set_metainfo,
    set_splits,
)
from .utils.layouts import read_splits
from .utils.memory import keep_freed_memory

if TYPE_CHECKING:
    from mmengine.config import Config

AMP_WRAPPERS = ('OptimWrapper', 'AmpOptimWrapper', 'BFloat16OptimWrapper')
TENSORBOARD = 'TensorboardVisBackend'
LESS_MEMORY = """\
To use less memory, least cost first (--cfg-options, except --amp):
  - training: --amp
  - training: efficient_conv_bn_eval=[backbone], if its norms are frozen
  - training: model.head.encoder.num_cp=N; N of its layers recompute
    activations in the backward pass (N <= number of layers)
  - a smaller batch_size in train_dataloader or test_dataloader; in training
    also optim_wrapper.accumulative_counts=2 after halving it
  - fewer tokens: short_edges and max_size of ShortEdgeResize in the pipeline,
    or a config for 512 pixels (*_512_coco.py), or a config with a larger
    stride (in its name: dc45 = 8, dc5 = 16, neither = 32)"""


class HelpFormatter(
    argparse.ArgumentDefaultsHelpFormatter,
    argparse.RawDescriptionHelpFormatter,
):
    """Show all defaults, and keep the lines of description and examples."""

    # Private API (Python 3.10 to 3.13, checked): argparse documents
    # the formatter classes, but not their methods.
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
    """Return the arguments of a parser for the docstring of a tool.

    The docstring ends with ``Examples:``, and so does the help.
    """
    description, _, examples = doc.partition('Examples:\n')
    return dict(
        description=description.strip(),
        epilog=f'Examples:\n{examples.rstrip()}',
        formatter_class=HelpFormatter,
    )


def add_trust_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``--trust-pickle`` of all tools that read checkpoints."""
    parser.add_argument(
        '--trust-pickle',
        action='store_true',
        help='also load checkpoints with other objects than data, which can '
        'run any code',
    )


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that name the model of infer.py and demo.py."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        '--model',
        metavar='NAME',
        help='model of the zoo (default: the one marked Default there)',
    )
    which.add_argument(
        '--weights',
        metavar='CHECKPOINT',
        help='checkpoint file or URL (default: those of --model)',
    )
    parser.add_argument(
        '--config',
        help='config file, or the name of one in configs/ without .py '
        '(default: the one in the checkpoint)',
    )
    parser.add_argument(
        '--device', help='cpu, cuda, cuda:1, ... (default: a GPU, else cpu)'
    )
    add_trust_argument(parser)


def add_options_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``--cfg-options``, a list that :func:`start` turns into a dict."""
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


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that train.py and test.py share."""
    parser.add_argument(
        '--work-dir',
        metavar='DIR',
        help='folder for logs and results (default: work_dir of the config, '
        'else work_dirs/CONFIG_NAME)',
    )
    add_data_arguments(parser)
    parser.add_argument(
        '--show-dir',
        metavar='DIR',
        help='folder in the work dir for images with predictions (default: '
        'no images)',
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
        help='seconds that a window stays open',
    )
    add_options_argument(parser)
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='launcher of a distributed job',
    )
    add_trust_argument(parser)
    parser.add_argument(  # torch.distributed.launch passes it
        '--local_rank',
        '--local-rank',
        type=int,
        default=0,
        metavar='N',
        help='number of the process on its machine, given by the launcher',
    )


def add_data_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that name the files of a data set."""
    parser.add_argument(
        '--data-root',
        metavar='DIR',
        help='folder in the layout of COCO 2017, Roboflow or CVAT (default: '
        'that of the config)',
    )
    for name in ('train', 'val'):
        parser.add_argument(
            f'--{name}-ann',
            metavar='FILE',
            help=f"{name} annotations in COCO's format (default: those of "
            'the data root)',
        )
        parser.add_argument(
            f'--{name}-images',
            metavar='DIR',
            help=f'folder of the images of --{name}-ann (default: found near '
            'it)',
        )
    parser.add_argument(
        '--metainfo',
        metavar='FILE',
        help='metainfo file with the skeleton (default: that of the config; '
        'if the annotations name other keypoints, made from them and written '
        'to the work dir)',
    )


def check_file(path: str, kind: str) -> None:
    """Raise a UserError if a file does not exist. URLs are not checked."""
    if '://' not in path and not osp.isfile(path):
        raise UserError(f'There is no {kind} {path}.')


def check_checkpoint(name: str) -> None:
    """Raise a UserError if a checkpoint is no file, URL or name of the zoo."""
    if '://' not in name and not osp.isfile(name) and not zoo.is_model(name):
        raise UserError(f'There is no checkpoint {name}.{zoo.nearest(name)}')


def check_model_arguments(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """Check the options of :func:`add_model_arguments`, and set ``weights``.

    Prints the name of a model of the zoo.
    """
    if args.config is not None:
        if args.weights is None:
            parser.error('--config needs --weights')
        find_config(args.config)
    if args.weights is None:
        name = args.model or zoo.default_model()
        args.weights = zoo.find_entry(name)['Name']
        print(f'Model: {name}')
    check_checkpoint(args.weights)


def check_source(path: str) -> None:
    """Raise a UserError if the checkpoint SRC of a tool is not a file."""
    if '://' in path:
        raise UserError(
            f'SRC must be a file, got the URL {path}. Download it first.'
        )
    check_file(path, 'checkpoint')


def check_common_arguments(args: argparse.Namespace) -> None:
    """Check ``config``, and that ``cfg_options`` are ``KEY=VALUE``."""
    if args.config is not None:
        find_config(args.config)
    check_options(args.cfg_options)


def check_data_arguments(
    args: argparse.Namespace, needed: Sequence[str]
) -> None:
    """Check the options of :func:`add_data_arguments`, and add ``splits``.

    Args:
        args (Namespace): Gets ``splits``, see :func:`read_splits`.
        needed (list[str]): Splits that the tool needs.
    """
    if args.metainfo is not None:
        check_file(args.metainfo, 'metainfo file')
    args.splits = read_splits(args, needed)


def check_options(pairs: List[str]) -> None:
    """Raise a UserError if an option is not ``KEY=VALUE``."""
    for pair in pairs:
        if '=' not in pair:
            raise UserError(f'--cfg-options got {pair}, expected KEY=VALUE.')


def read_options(pairs: List[str]) -> dict:
    """Parse ``KEY=VALUE`` options with mmengine's rules."""
    from mmengine.config import DictAction

    options = argparse.Namespace()
    try:
        DictAction([], 'options')(None, options, pairs)
    except AssertionError as error:
        raise UserError(f'--cfg-options: {error}.') from error
    return options.options


def start(args: argparse.Namespace) -> argparse.Namespace:
    """Register the classes of poet_mm, and parse ``cfg_options``.

    Without a GPU, the process keeps freed memory from now on.

    Returns:
        Namespace: ``args``, with ``cfg_options`` as a dict if it has them.
    """
    poet_mm.register()
    import torch

    if not torch.cuda.is_available():
        keep_freed_memory()
    if 'cfg_options' in args:
        args.cfg_options = read_options(args.cfg_options)
    return args


def run(
    main: Callable, *args, code: Optional[int] = None, name: str = ''
) -> Any:
    """Call the main function of a tool, and print a UserError in one line.

    If the GPU memory is full, print what needs less.

    Args:
        main (callable): The function.
        *args: Its arguments.
        code (int, optional): Value to return after a UserError. Defaults to
            None: the process ends with exit code 2.
        name (str): Start of the line. Defaults to the name of the tool.

    Returns:
        Any: The result of ``main``, or ``code``.
    """
    try:
        return main(*args)
    except UserError as error:
        message = f'{name or osp.basename(sys.argv[0])}: {error}'
    except RuntimeError as error:
        if type(error).__name__ != 'OutOfMemoryError':  # torch's
            raise
        message = f'{first_line(error)}\n{LESS_MEMORY}'
    print(message, file=sys.stderr)
    return sys.exit(2) if code is None else code


def load_config(args: argparse.Namespace) -> 'Config':
    """Read the config, and apply the options that train.py and test.py share.

    Args:
        args (Namespace): From :func:`add_common_arguments`. Without a
            ``config``, it is the one inside of the ``checkpoint``.

    Raises:
        UserError: The config or the data set does not exist, or the config
            does not fit an option.
    """
    import torch

    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    if args.config is None:
        cfg = read_config_of(args.checkpoint)
    else:
        cfg = read_config(args.config)
    cfg.launcher = args.launcher
    if args.launcher != 'none' and not torch.cuda.is_available():
        start_without_gpu(cfg)
    default = cfg.get('work_dir') or osp.join(
        'work_dirs',
        osp.splitext(osp.basename(args.config or args.checkpoint))[0],
    )
    cfg.work_dir = args.work_dir or default
    use_data(cfg, args)
    if args.show or args.show_dir is not None:
        if not cfg.get('default_hooks', {}).get('visualization'):
            raise UserError(
                '--show and --show-dir need default_hooks.visualization in '
                'the config.'
            )
        cfg.default_hooks.visualization.update(
            enable=True,
            show=args.show,
            out_dir=args.show_dir,
            wait_time=args.wait_time,
            interval=args.interval,
        )
    return cfg


def read_config_of(name: str) -> 'Config':
    """Return the config inside of a checkpoint.

    Args:
        name (str): File, or name of the zoo.

    Raises:
        UserError: There is none, or it is more than data.
    """
    from mmengine.config import Config

    from .checkpoints.safe_config import check_config_of
    from .checkpoints.safe_load import safe_loading

    with safe_loading():
        return Config.fromstring(check_config_of(name), '.py')


def is_first_process() -> bool:
    """Return whether this is the only or first process of a job."""
    ranks = ('RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK')
    return all(os.environ.get(rank, '0') == '0' for rank in ranks)


def use_data(cfg: 'Config', args: argparse.Namespace) -> None:
    """Give a config the data and the skeleton of the arguments.

    Args:
        cfg (Config): With ``work_dir``; changed in place.
        args (Namespace): From :func:`check_data_arguments`.

    Raises:
        UserError: Data and config do not fit.
    """
    from .datasets.skeleton import choose_metainfo, read_metainfo

    if args.data_root is not None and not {'train', 'val'} <= {*args.splits}:
        set_data_root(cfg, args.data_root)
    set_splits(cfg, args.splits)
    if is_first_process():
        for name, split in args.splits.items():
            print(f'{name}: {split}')
    looks = [split.look for split in args.splits.values()]
    if args.data_root is not None and not looks:
        test = cfg.get('test_dataloader')
        for path in annotation_files(test):
            with suppress(DataFault):  # images without labels
                looks.append(look(path))
    metainfo, path = None, args.metainfo or cfg.work_dir
    if args.metainfo is not None:
        metainfo = read_metainfo(args.metainfo)
    elif looks and cfg.get('metainfo'):
        metainfo = choose_metainfo(
            looks, cfg.metainfo, cfg.work_dir, write=is_first_process()
        )
    if metainfo is not None:
        set_metainfo(cfg, metainfo, path)


def start_without_gpu(cfg: 'Config') -> None:
    """Join a distributed job on CPUs.

    mmengine's launchers and its model wrapper need a GPU for each process.

    Args:
        cfg (Config): With ``launcher``; changed in place.

    Raises:
        UserError: The launcher is not torchrun.
    """
    from torch import distributed

    if cfg.launcher != 'pytorch' or 'RANK' not in os.environ:
        raise UserError(
            f'--launcher {cfg.launcher} needs a GPU for every process, and '
            'this machine has none. To start several processes on CPUs, use '
            'bash tools/dist_train.sh or dist_test.sh (torchrun).'
        )
    if not distributed.is_initialized():
        distributed.init_process_group('gloo')
    cfg.model_wrapper_cfg = dict(
        type='MMDistributedDataParallel',
        device_ids=None,
        broadcast_buffers=False,
        find_unused_parameters=cfg.get('find_unused_parameters', False),
    )


def use_amp(cfg: 'Config', dtype: str) -> None:
    """Switch the optimiser wrapper to automatic mixed precision.

    Args:
        cfg (Config): Changed in place.
        dtype (str): 'bfloat16', 'float16', or 'auto': bfloat16 if the device
            computes in it, else float16.

    Raises:
        UserError: The config has another wrapper, or the CPU has no float16.
    """
    import torch

    from .engine.optim_wrappers import has_bfloat16

    wrapper = cfg.optim_wrapper.get('type', 'OptimWrapper')
    if wrapper not in AMP_WRAPPERS:
        raise UserError(
            f'--amp cannot replace optim_wrapper.type={wrapper}, '
            f'only {", ".join(AMP_WRAPPERS)}.'
        )
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    if dtype == 'auto':
        dtype = 'bfloat16' if has_bfloat16(device) else 'float16'
    if dtype == 'bfloat16':
        cfg.optim_wrapper.type = 'BFloat16OptimWrapper'
        for key in ('dtype', 'loss_scale', 'use_fsdp'):  # of AmpOptimWrapper
            cfg.optim_wrapper.pop(key, None)
    elif device == 'cuda':
        cfg.optim_wrapper.update(type='AmpOptimWrapper', dtype=dtype)
    else:
        raise UserError(
            '--amp float16 needs a GPU, and torch finds none. A CPU without '
            'bfloat16 trains faster without --amp; --amp bfloat16 emulates it.'
        )


def use_tensorboard(cfg: 'Config') -> None:
    """Add TensorBoard to the backends of the visualizer."""
    if find_spec('tensorboard') is None:
        raise UserError(
            '--tensorboard needs the package tensorboard: '
            'pip install tensorboard'
        )
    backends = cfg.visualizer.setdefault('vis_backends', [])
    if all(node['type'] != TENSORBOARD for node in backends):
        backends.append(dict(type=TENSORBOARD))


def check_pretrained(cfg: 'Config') -> None:
    """Load the pretrained weights of a config, to check that they exist.

    Raises:
        UserError: They can neither be read nor downloaded.
    """
    from mmengine.runner import CheckpointLoader

    for path in pretrained_files(cfg):
        try:
            CheckpointLoader.load_checkpoint(path, map_location='cpu')
        except (OSError, UserError) as error:
            raise UserError(
                f'Cannot get the pretrained weights {path!r} '
                f'({type(error).__name__}: {first_line(error)}). Give a file '
                'with --cfg-options model.backbone.init_cfg.checkpoint=FILE, '
                'or start from random weights with --cfg-options '
                'model.backbone.init_cfg=None'
            ) from error
