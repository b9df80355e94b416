"""Files that are whole or not there, whenever their writer is killed."""

import os
import os.path as osp
from contextlib import contextmanager
from typing import Iterator

from ..errors import UserError


@contextmanager
def writing(path: str) -> Iterator[None]:
    """Turn an OSError, of a full disk for example, into a UserError."""
    try:
        yield
    except OSError as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f'cannot write to {path}: {error}') from error


def write_whole(data: bytes, path: str) -> None:
    """Write a file, or leave what was there; folders are made.

    It gets its name when all of it is on the disk. What a killed process has
    left beside it, ``PATH.part``, is overwritten by the next.

    Args:
        data (bytes): All of the file.
        path (str): Its name.

    Raises:
        OSError: It cannot be written.
    """
    folder = osp.dirname(osp.abspath(path))
    os.makedirs(folder, exist_ok=True)
    part = f'{path}.part'
    try:
        with open(part, 'wb') as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        if osp.exists(part):
            os.remove(part)
        raise
    _sync_folder(folder)


def _sync_folder(folder: str) -> None:
    """Put the names of a folder's files on the disk, too."""
    if os.name != 'posix':
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
