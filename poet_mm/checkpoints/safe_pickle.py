"""Read checkpoints safely where torch cannot: delete with torch<2.6.

Before torch 2.6, ``weights_only=True`` cannot be told all names that training
checkpoints need, and still runs TorchScript. Here is a ``pickle_module`` for
``torch.load`` that allows the same names, and loaders for
``CheckpointLoader`` that use it.
"""

import argparse
import codecs
import collections
import io
import os
import os.path as osp
import pickle
import sys
import zipfile
from functools import lru_cache
from typing import Any, BinaryIO, Dict, Union
from urllib.parse import urlparse

import mmengine
import numpy as np
import torch
from mmengine.dist import barrier, get_rank
from mmengine.logging import HistoryBuffer

from .safe_globals import RefusedPickle, declared_globals

# What may get a state; not classes, whose attributes all share
STATEFUL = (
    torch.Tensor,
    collections.OrderedDict,
    np.ndarray,
    np.dtype,
    HistoryBuffer,
    argparse.Namespace,
)


@lru_cache(maxsize=1)
def allowed_globals() -> Dict[str, Any]:
    """Return all that a pickle may name; storages are torch.load's."""
    # Private door (torch 2.1 to 2.5, checked with 2.1.2): the names that
    # weights_only=True knows.
    known = torch._weights_only_unpickler._get_allowed_globals()
    dtypes = {
        str(value): value
        for value in vars(torch).values()
        if isinstance(value, torch.dtype)
    }
    return {
        **known,
        **dtypes,
        **declared_globals(),
        '_codecs.encode': codecs.encode,  # of bytes, as in newer torch
        'torch.device': torch.device,
    }


# Private door (Python 3.9 to 3.12, checked with 3.11): the unpickler in
# Python, because that in C cannot be kept from giving classes and functions
# new attributes.
class Unpickler(pickle._Unpickler):
    """Make tensors, arrays, numbers, text and containers, and run nothing."""

    dispatch = dict(pickle._Unpickler.dispatch)

    def find_class(self, module: str, name: str) -> Any:
        """Look a name up without importing anything."""
        try:
            return allowed_globals()[f'{module}.{name}']
        except KeyError:
            raise RefusedPickle(f'{module}.{name}') from None

    def load_build(self) -> None:
        """Give an object its state."""
        if not isinstance(self.stack[-2], STATEFUL):
            raise RefusedPickle(f'a state for {self.stack[-2]!r}')
        super().load_build()

    dispatch[pickle.BUILD[0]] = load_build


def load(file: BinaryIO, **kwargs) -> Any:
    """Load one pickle, as ``pickle.load`` does."""
    return Unpickler(file, **kwargs).load()


def read_file(file: Union[str, BinaryIO], map_location=None) -> Any:
    """Call ``torch.load`` with this module as its pickle."""
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            if any(
                osp.basename(name) == 'constants.pkl'
                for name in archive.namelist()
            ):
                raise RefusedPickle('a TorchScript program')
    if hasattr(file, 'seek'):
        file.seek(0)
    return torch.load(
        file,
        map_location=map_location,
        pickle_module=sys.modules[__name__],
        weights_only=False,
    )


def load_from_local(filename: str, map_location=None) -> Any:
    """Read a file, as mmengine's loader of the same name."""
    filename = osp.expanduser(filename)
    if not osp.isfile(filename):
        raise FileNotFoundError(f'{filename} can not be found.')
    return read_file(filename, map_location)


def load_from_http(filename: str, map_location=None) -> Any:
    """Read a URL, once downloaded to where torch.hub keeps checkpoints."""
    path = osp.join(
        torch.hub.get_dir(),
        'checkpoints',
        osp.basename(urlparse(filename).path),
    )
    for turn in (0, 1):  # the first process, then those of other machines
        if min(get_rank(), 1) == turn and not osp.exists(path):
            os.makedirs(osp.dirname(path), exist_ok=True)
            torch.hub.download_url_to_file(filename, path)
        barrier()
    return read_file(path, map_location)


def load_from_ceph(filename: str, map_location=None) -> Any:
    """Read an object of S3."""
    content = mmengine.fileio.get(filename, dict(backend='petrel'))
    return read_file(io.BytesIO(content), map_location)
