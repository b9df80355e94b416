"""Download a file over HTTP: resumed, checked, and whole or not there."""

import hashlib
import os
import os.path as osp
import re
import sys
import time
from contextlib import contextmanager, suppress
from http.client import HTTPException
from typing import Any, Callable, Iterator, Optional
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, getproxies, proxy_bypass, urlopen

from ..errors import DownloadFailed

TIMEOUT = 30  # seconds without a byte
RETRIES = 4  # in a row without a new byte, after a connection was cut
CHUNK = 1 << 20


def download(
    url: str,
    path: str,
    size: Optional[int] = None,
    digest: Optional[str] = None,
) -> None:
    """Download a file to ``PATH.partial``, check it, and rename it.

    A ``PATH.partial`` of an earlier call is continued where the server can.
    If the result is wrong, it is removed and downloaded once more. Proxies are
    those of the environment, as in urllib. On a terminal, stderr has a
    progress bar.

    Args:
        url (str): HTTP address.
        path (str): File to write, in an existing folder.
        size (int, optional): Expected size, in bytes.
        digest (str, optional): Expected hash, see :func:`check_digest`.

    Raises:
        DownloadFailed: The server or a proxy does not give the file, or it has
            another size or hash. A wrong file is removed.
        OSError: The file cannot be written. The part of it is removed.
    """
    part = f'{path}.partial'
    resumed = osp.exists(part)
    while True:
        announced = _receive(url, part)
        try:
            _check_size(url, part, size or announced)
            check_digest(part, digest, url)
            break
        except DownloadFailed:
            os.remove(part)
            if not resumed:
                raise
            resumed = False
    os.replace(part, path)


def read_url(url: str) -> bytes:
    """Return what a URL holds.

    Raises:
        DownloadFailed: The server or a proxy does not give it.
    """
    with _open(url) as response, _naming_errors(url):
        return response.read()


def _open(url: str, start: int = 0) -> Any:
    """Open a URL, from a byte on; see :func:`read_url`."""
    headers = {'User-Agent': 'poet_mm'}
    if start:
        headers['Range'] = f'bytes={start}-'
    with _naming_errors(url):
        return urlopen(Request(url, headers=headers), timeout=TIMEOUT)


def check_digest(path: str, expected: Optional[str], name: str) -> None:
    """Compare the hash of a file.

    Args:
        path (str): The file.
        expected (str, optional): ``'md5:0123...'`` or another algorithm of
            hashlib; the beginning of the digits is enough. None is not
            checked.
        name (str): Name of the file for the message.

    Raises:
        DownloadFailed: The hash is another one.
    """
    if not expected:
        return
    algorithm, _, digits = expected.lower().partition(':')
    found = hashlib.new(algorithm, usedforsecurity=False)
    with open(path, 'rb') as file:
        while chunk := file.read(CHUNK):
            found.update(chunk)
    if not found.hexdigest().startswith(digits):
        raise DownloadFailed(
            f'{name} has the {algorithm} {found.hexdigest()}, expected '
            f'{digits}.'
        )


def _check_size(url: str, path: str, expected: Optional[int]) -> None:
    """Raise DownloadFailed if a file has another size."""
    found = osp.getsize(path)
    if expected is not None and found != expected:
        raise DownloadFailed(f'{url} has {found} bytes, expected {expected}.')


def _receive(url: str, part: str) -> Optional[int]:
    """Append to a file what it lacks; retry if the connection is cut.

    Returns:
        int, optional: Size of the whole file, as the server says.
    """
    retries = None  # none before the first byte: then there is no network
    with _progress_bar(osp.basename(urlsplit(url).path)) as show:
        while True:
            before = osp.getsize(part) if osp.exists(part) else 0
            try:
                return _append(url, part, before, show)
            except DownloadFailed:
                after = osp.getsize(part) if osp.exists(part) else 0
                if after > before:
                    retries = RETRIES
                if not retries:
                    raise
            except OSError:
                with suppress(OSError):
                    os.remove(part)
                raise
            retries -= 1
            time.sleep(2.0 ** (RETRIES - 1 - retries) / 2)


def _append(url: str, part: str, start: int, show: Callable) -> Optional[int]:
    """Append to a file of ``start`` bytes; see :func:`_receive`."""
    try:
        response = _open(url, start)
    except DownloadFailed as error:
        cause = error.__cause__
        if getattr(cause, 'code', None) != 416:
            raise
        # The file is whole, or longer than it should be.
        total = re.search(r'/(\d+)', cause.headers.get('Content-Range', ''))
        return int(total[1]) if total else None
    with response:
        if response.status != 206:  # all of it: the server ignores Range
            start = 0
        length = response.headers.get('Content-Length')
        total = None if length is None else start + int(length)
        with open(part, 'ab' if start else 'wb') as file:
            while True:
                show(completed=file.tell(), total=total)
                with _naming_errors(url):
                    chunk = response.read1(CHUNK)
                if not chunk:
                    break
                file.write(chunk)
            if total is not None and file.tell() < total:
                raise DownloadFailed(
                    f'Cannot download {url} (the connection was cut after '
                    f'{file.tell()} of {total} bytes).'
                )
    return total


@contextmanager
def _naming_errors(url: str) -> Iterator[None]:
    """Turn errors of the network into DownloadFailed; name the proxy."""
    try:
        yield
    except (OSError, HTTPException) as error:
        reason = getattr(error, 'reason', None) or error
        if isinstance(error, HTTPError):
            reason = f'HTTP {error.code} {error.reason}'
        parts = urlsplit(url)
        proxy = getproxies().get(parts.scheme)
        if proxy and not proxy_bypass(parts.hostname):
            proxy = proxy.rpartition('@')[2]  # without user and password
            reason = f'{reason}; through the proxy {proxy}'
        raise DownloadFailed(f'Cannot download {url} ({reason}).') from error


@contextmanager
def _progress_bar(name: str) -> Iterator[Callable]:
    """Show a bar on a terminal; yield what takes completed and total bytes."""
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn('{task.description}'),
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(
        *columns, console=Console(stderr=True), disable=not sys.stderr.isatty()
    ) as bar:
        task = bar.add_task(name, total=None)
        yield lambda **sizes: bar.update(task, **sizes)
