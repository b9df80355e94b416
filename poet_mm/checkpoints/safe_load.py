"""Checkpoints from anywhere, read without running what they may hold.

mmengine reads every checkpoint (resuming, ``load_from``, weights of a
backbone, inference) through ``CheckpointLoader.load_checkpoint`` and there
``torch.load``, which before torch 2.6 runs any code that a file holds.
"""
import os
import zipfile
from contextlib import contextmanager
from typing import Any, Iterator, List

import torch
from mmengine.runner import CheckpointLoader

from ..errors import MissingFile, UserError
from . import safe_pickle

torch_load = torch.load
FLAG = '--trust-pickle'  # of the tools, see cli.add_trust_argument
FORCED = 'TORCH_FORCE_WEIGHTS_ONLY_LOAD'
_decisions: List[bool] = []  # of the outermost safe_loading


@contextmanager
def safe_loading(trust: bool = False) -> Iterator[bool]:
    """Inside, mmengine reads checkpoints without running code in them.

    May be nested: the outermost decides, and all get what it decided.

    Args:
        trust (bool): Run it all the same. Defaults to False.

    Raises:
        UserError: A file is missing, holds more than data, or is damaged.
    """
    if _decisions:
        yield _decisions[-1]
        return
    original = CheckpointLoader.__dict__['load_checkpoint']

    def load_checkpoint(filename, map_location=None, logger='current'):
        with _reading(filename, trust):
            try:
                checkpoint = original.__get__(None, CheckpointLoader)(
                    filename, map_location, logger)
            except FileNotFoundError as error:
                raise MissingFile(
                    f'There is no checkpoint {filename}.') from error
        if not isinstance(checkpoint, dict):
            raise UserError(
                f'{filename} is no checkpoint: it holds a '
                f'{type(checkpoint).__name__} where weights by name are '
                'expected.')
        if not trust:
            # Runner.resume runs it, and nobody writes it any more
            (checkpoint.get('meta') or {}).pop('config', None)
        return checkpoint

    CheckpointLoader.load_checkpoint = staticmethod(load_checkpoint)
    _decisions.append(trust)
    try:
        yield trust
    finally:
        _decisions.pop()
        CheckpointLoader.load_checkpoint = original


@contextmanager
def _reading(name: str, trust: bool) -> Iterator[None]:
    """While a file is read, ``torch.load`` is ours."""

    def load(file, map_location=None, **_) -> Any:
        try:
            return read_file(file, map_location, trust)
        except safe_pickle.RefusedPickle as error:
            raise UserError(
                f'{name} holds more than data: {error}. Loading it could run '
                'any code. If you trust whoever made it, load it with '
                f'{FLAG} (in Python: inside `with safe_loading(trust=True)`)'
                '.') from error
        except (UserError, OSError, torch.cuda.OutOfMemoryError):
            raise
        except Exception as error:  # a damaged file can fail in any way
            reason = str(error).strip().split('\n')[0]
            raise UserError(
                f'Cannot read the checkpoint {name}, it is damaged or none '
                f'({type(error).__name__}: {reason}). What was cut off while '
                'it was written or copied is lost: take another.') from error

    original, torch.load = torch.load, load
    try:
        yield
    finally:
        torch.load = original


def read_file(file, map_location, trust: bool = False) -> Any:
    """``torch.load`` by a pickle that runs nothing, unless it is trusted."""
    if trust:
        return torch_load(file, map_location=map_location, weights_only=False)
    if is_torchscript(file):
        raise safe_pickle.RefusedPickle('a TorchScript program')
    forced = os.environ.pop(FORCED, None)  # refuses any pickle_module
    try:
        return torch_load(
            file,
            map_location=map_location,
            pickle_module=safe_pickle,
            weights_only=False)
    finally:
        if forced is not None:
            os.environ[FORCED] = forced


def is_torchscript(file) -> bool:
    """Whether ``torch.load`` would load a program, which may run at once."""
    found = False
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            found = any(
                name.endswith('/constants.pkl') for name in archive.namelist())
    if hasattr(file, 'seek'):
        file.seek(0)
    return found
