"""Read checkpoints safely with torch<2.6. Delete this file with that torch.

Before torch 2.6, ``weights_only=True`` knows no names but its own, so that it
refuses training checkpoints, and it still runs TorchScript. This module is a
``pickle_module`` for ``torch.load`` that allows the names of
``safe_globals.py``, too.
"""

import argparse
import codecs
import collections
import pickle
import sys
import zipfile
from functools import lru_cache
from typing import Any, BinaryIO, Dict, Union

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

from .safe_globals import RefusedPickle, declared_globals

# Only instances of these types may be given attributes. Changing a class would
# change all its instances.
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
    """Return the object for each name that a pickle may hold.

    ``torch.load`` itself resolves the names of storages.
    """
    # Private API (torch 2.1 to 2.5, checked with 2.1.2): the names that
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
        '_codecs.encode': codecs.encode,  # makes bytes, allowed by torch>=2.6
        'torch.device': torch.device,
    }


# Private API (Python 3.10 to 3.13, checked): pickle's unpickler
# written in Python. The public one, written in C, cannot be kept from giving
# new attributes to classes and functions.
class Unpickler(pickle._Unpickler):
    """Make tensors, arrays, numbers, text and containers, and run nothing."""

    dispatch = dict(pickle._Unpickler.dispatch)

    def find_class(self, module: str, name: str) -> Any:
        """Return the object of a name, without importing anything."""
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
    """Load one pickle. ``torch.load`` calls this function."""
    return Unpickler(file, **kwargs).load()


def load_data(file: Union[str, BinaryIO], map_location=None, **_) -> Any:
    """Replace ``torch.load``: load a checkpoint that holds only data."""
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
        if any(name.endswith('/constants.pkl') for name in names):
            raise RefusedPickle('a TorchScript program')
    if hasattr(file, 'seek'):
        file.seek(0)
    return torch.serialization.load(
        file,
        map_location=map_location,
        pickle_module=sys.modules[__name__],
        weights_only=False,
    )
