"""Read checkpoints from anywhere without running what they may hold.

mmengine reads every checkpoint (resuming, ``load_from``, weights of a
backbone, inference) through the loaders that ``CheckpointLoader`` has for
files, URLs and so on. :func:`safe_loading` registers ours in their place,
which have torch read tensors, the names of ``safe_globals.py``, and no more.
"""

import os
from contextlib import contextmanager
from functools import wraps
from typing import Callable, Iterator, Optional

import torch
from mmengine.runner import CheckpointLoader, checkpoint

from ..errors import MissingFile, UserError, first_line
from .safe_globals import STRICT, RefusedPickle

FLAG = '--trust-pickle'  # of the tools, see cli.add_trust_argument
# The settings by which torch decides whatever its callers ask for.
DATA_ONLY = 'TORCH_FORCE_WEIGHTS_ONLY_LOAD'
ANYTHING = 'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'
LOADERS = {  # mmengine's
    '': checkpoint.load_from_local,
    ('http://', 'https://'): checkpoint.load_from_http,
    ('modelzoo://', 'torchvision://'): checkpoint.load_from_torchvision,
    ('open-mmlab://', 'openmmlab://'): checkpoint.load_from_openmmlab,
    'mmcls://': checkpoint.load_from_mmcls,
    (r'(\S+\:)?s3://', r'(\S+\:)?petrel://'): checkpoint.load_from_ceph,
    'pavi://': checkpoint.load_from_pavi,
}
_trusted: Optional[bool] = None  # by the outermost safe_loading


@contextmanager
def safe_loading(trust: bool = False) -> Iterator[bool]:
    """Have mmengine read checkpoints without running code in them.

    May be nested: the outermost decides, and all get what it decided.

    Args:
        trust (bool): Run it all the same. Defaults to False.

    Raises:
        UserError: A file is missing, holds more than data, or is damaged.
    """
    global _trusted
    if _trusted is not None:
        yield _trusted
        return
    _trusted = trust
    for prefixes, loader in LOADERS.items():
        CheckpointLoader.register_scheme(
            prefixes, guarded(loader, trust), force=True
        )
    try:
        yield trust
    finally:
        _trusted = None
        for prefixes, loader in LOADERS.items():
            CheckpointLoader.register_scheme(prefixes, loader, force=True)


def guarded(loader: Callable, trust: bool) -> Callable:
    """Return a loader that reads data only, unless trusted, and says in a
    sentence what is wrong with a checkpoint.
    """
    setting, safe_loader = ANYTHING if trust else DATA_ONLY, loader
    if not (STRICT or trust):
        from . import safe_pickle

        safe_loader = getattr(safe_pickle, loader.__name__, loader)
        setting = DATA_ONLY if safe_loader is loader else None

    @wraps(loader)  # mmengine logs its name
    def load(filename: str, map_location=None) -> dict:
        try:
            with torch_setting(setting):
                content = safe_loader(filename, map_location)
        except Exception as error:
            raise explain(error, filename) from error
        if not isinstance(content, dict):
            raise UserError(
                f'{filename} is no checkpoint: it holds a '
                f'{type(content).__name__} where weights by name are '
                'expected.'
            )
        if not trust:
            # Runner.resume runs it, and it is not written any more
            (content.get('meta') or {}).pop('config', None)
        return content

    return load


@contextmanager
def torch_setting(name: Optional[str]) -> Iterator[None]:
    """Set one of torch's two settings, or none, and restore both."""
    before = {key: os.environ.pop(key, None) for key in (DATA_ONLY, ANYTHING)}
    if name:
        os.environ[name] = '1'
    try:
        yield
    finally:
        for key, value in before.items():
            os.environ.pop(key, None)
            if value is not None:
                os.environ[key] = value


def explain(error: Exception, name: str) -> Exception:
    """Return the error to raise if a checkpoint cannot be read."""
    if isinstance(error, FileNotFoundError) or (
        '://' in name and isinstance(error, KeyError)
    ):
        return MissingFile(f'There is no checkpoint {name}.')
    if isinstance(error, (OSError, torch.cuda.OutOfMemoryError)):
        return error
    reason = refused(error)
    if reason:
        return UserError(
            f'{name} holds more than data: {reason}. Loading it could run any '
            f'code. If you trust whoever made it, load it with {FLAG} (in '
            'Python: inside `with safe_loading(trust=True)`).'
        )
    return UserError(
        f'Cannot read the checkpoint {name}, it is damaged or none '
        f'({type(error).__name__}: {first_line(error)}). What was cut off '
        'while it was written or copied is lost: take another.'
    )


def refused(error: Exception) -> str:
    """Return what a file holds beside data, '' if it fails for another
    reason.
    """
    # Private door (torch 2.1.2 and 2.14.1, checked): the words of its errors.
    if 'with TorchScript archives' in str(error):
        return 'a TorchScript program'
    if str(error).startswith('Weights only load failed'):
        said = str(error.__context__).split('\n')[0]
        broken = ('Unsupported operand', 'Failed to load pickle')
        return (
            ''
            if said.startswith(broken)
            else (said.split(' was not an allowed global')[0])
        )
    return str(error) if isinstance(error, RefusedPickle) else ''
