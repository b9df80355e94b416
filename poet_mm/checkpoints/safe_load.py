"""Read checkpoints from anyone without running code in them.

mmengine reads every checkpoint (to resume, for ``load_from``, for a backbone,
for inference) through a loader of ``CheckpointLoader``: one for files, one for
URLs, and so on. :func:`safe_loading` registers safe loaders in their place.
They let torch read tensors, the names of ``safe_globals.py``, and nothing
else.
"""

import os
from contextlib import contextmanager
from functools import wraps
from typing import Callable, Iterator, Optional

import torch
from mmengine.runner import CheckpointLoader, checkpoint

from ..errors import MissingFile, UserError, first_line
from .safe_globals import HAS_SAFE_GLOBALS, RefusedPickle
from .zoo import fetch, is_model, nearest

FLAG = '--trust-pickle'  # of the tools, see cli.add_trust_argument
# Environment variables of torch that overrule what its callers ask for.
DATA_ONLY = 'TORCH_FORCE_WEIGHTS_ONLY_LOAD'
ANYTHING = 'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'
LOADERS = {  # prefixes: mmengine's loader
    '': checkpoint.load_from_local,
    ('http://', 'https://'): checkpoint.load_from_http,
    ('modelzoo://', 'torchvision://'): checkpoint.load_from_torchvision,
    ('open-mmlab://', 'openmmlab://'): checkpoint.load_from_openmmlab,
    'mmcls://': checkpoint.load_from_mmcls,
    (r'(\S+\:)?s3://', r'(\S+\:)?petrel://'): checkpoint.load_from_ceph,
    'pavi://': checkpoint.load_from_pavi,
}
_trusted: Optional[bool] = None  # set by the outermost safe_loading


@contextmanager
def safe_loading(trust: bool = False) -> Iterator[bool]:
    """Make mmengine read checkpoints without running code in them.

    If calls are nested, the outermost one decides, and all yield its decision.

    Args:
        trust (bool): Also load files that can run code. Defaults to False.

    Yields:
        bool: Whether checkpoints are trusted.

    Raises:
        UserError: A file is missing, damaged, or holds more than data.
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
    """Return a loader that reads data only; it knows the names of the zoo.

    ``trust`` also allows pickles with code. The errors of the loader are a
    UserError with one sentence.
    """

    @wraps(loader)  # mmengine logs its name
    def load(filename: str, map_location=None) -> dict:
        if is_model(filename):
            filename = fetch(filename)
        try:
            with torch_reads(anything=trust):
                content = loader(filename, map_location)
        except Exception as error:
            raise explain(error, filename) from error
        if not isinstance(content, dict):
            raise UserError(
                f'{filename} is not a checkpoint: it holds a '
                f'{type(content).__name__}, expected weights by name.'
            )
        if not trust:
            meta = content.get('meta')
            if isinstance(meta, dict):
                # meta['config'] of mmcv 1.x; Runner.resume would run it
                meta.pop('config', None)
        return content

    return load


@contextmanager
def torch_reads(anything: bool) -> Iterator[None]:
    """Make ``torch.load`` read data only, or anything, for all its callers."""
    torch_load = torch.load
    before = {name: os.environ.get(name) for name in (DATA_ONLY, ANYTHING)}
    os.environ[ANYTHING] = str(int(anything))
    os.environ[DATA_ONLY] = str(int(HAS_SAFE_GLOBALS and not anything))
    if not (HAS_SAFE_GLOBALS or anything):
        # Workaround (torch<2.6): its weights_only cannot be extended.
        from .safe_pickle import load_data

        torch.load = load_data
    try:
        yield
    finally:
        torch.load = torch_load
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def explain(error: Exception, name: str) -> Exception:
    """Return the error to raise if a checkpoint cannot be read."""
    # torchvision:// and open-mmlab:// raise a KeyError for unknown names
    if isinstance(error, FileNotFoundError) or (
        '://' in name and isinstance(error, KeyError)
    ):
        return MissingFile(f'There is no checkpoint {name}.{nearest(name)}')
    if isinstance(error, torch.cuda.OutOfMemoryError):
        return error
    cause = f'({type(error).__name__}: {first_line(error)})'
    if isinstance(error, OSError):
        return UserError(f'Cannot read the checkpoint {name} {cause}.')
    reason = refused(error)
    if reason:
        return UserError(
            f'{name} holds more than data: {reason}. Loading it could run any '
            f'code. If you trust whoever made it, load it with {FLAG} (in '
            'Python: inside `with safe_loading(trust=True)`).'
        )
    return UserError(
        f'Cannot read the checkpoint {name} {cause}. It is damaged or of '
        'another format. Take another copy.'
    )


def refused(error: Exception) -> str:
    """Return what a file holds beside data, or ``''`` for other errors."""
    if isinstance(error, RefusedPickle):
        return str(error)
    # Private API (torch 2.1.2 and 2.14.1, checked): the words of its errors.
    if 'with TorchScript archives' in str(error):
        return 'a TorchScript program'
    if str(error).startswith('Weights only load failed'):
        reason = first_line(error.__context__)
        if not reason.startswith(
            ('Unsupported oper', 'Failed to load pickle')
        ):
            return reason.split(' was not an allowed global')[0]
    return ''
