"""Write files atomically."""

import os
import os.path as osp
from contextlib import contextmanager
from typing import Iterator

from ..errors import UserError


@contextmanager
def explain_write_errors(path: str) -> Iterator[None]:
    """Turn an OSError, such as a full disk, into a UserError."""
    try:
        yield
    except OSError as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f'cannot write to {path}: {error}') from error


def write_whole(data: bytes, path: str) -> None:
    """Write a file atomically: if it fails, the old file stays.

    The data is written to ``PATH.part``, synchronised with the disk and then
    renamed. The next call overwrites the ``PATH.part`` of a killed process.

    Args:
        data (bytes): Content of the file.
        path (str): Path of the file. Missing folders are created.

    Raises:
        OSError: The file cannot be written.
    """
    os.makedirs(osp.dirname(osp.abspath(path)), exist_ok=True)
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
