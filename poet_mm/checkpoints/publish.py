"""Make of a training checkpoint one to give away: weights, and what is needed
to use them.
"""

import hashlib
import io
import os.path as osp
import re
from typing import Any, Dict, List

import numpy as np
import torch
from mmengine.config import Config
from torch import Tensor

from ..errors import UserError
from ..utils.config import walk
from .compare import strip_ddp
from .files import read_checkpoint, state_dict_of, versions, write_checkpoint
from .safe_config import NotPlain, read_plain

PLAIN = (str, int, float, bool, type(None))
KEPT = (
    'cfg',
    'dataset_meta',
    'epoch',
    'iter',
    'seed',
    'experiment_name',
    'time',
    'mmengine_version',
    'versions',
    'source',
)
PRIVATE = ('work_dir', 'load_from', 'resume', 'launcher')
# /home/x, ~/x, C:\x, \\server\x, file:///x
ABSOLUTE = re.compile(r'/.|~\w*/|[A-Za-z]:[\\/]|\\\\|file://')
DATA_ROOT = 'data/'  # what is told instead of a data root


def publish(source: str, target: str) -> str:
    """Write the part of a checkpoint that others need.

    With EMA, mmengine keeps the averaged weights in ``state_dict`` and those
    of the last step in ``ema_state_dict``: the averaged ones are published.
    Of the config, what tells where it was run is left out, see
    :func:`without_private`.

    Args:
        source (str): A checkpoint of a training, or any other.
        target (str): File ``NAME.pth``; the first eight digits of its SHA-256
            go into its name, where torch's downloads check them.

    Returns:
        str: The file that was written, ``NAME-0123abcd.pth``.

    Raises:
        UserError: The source is none, or lacks config or metainfo; or the
            target is a folder, or cannot be written.
    """
    if osp.isdir(target) or not osp.basename(target):
        raise UserError(
            f'{target!r} is a folder: give the name of a file, '
            f'such as {osp.join(target, "poet.pth")}.'
        )
    checkpoint = read_checkpoint(source)
    published = dict(
        state_dict=strip_ddp(state_dict_of(checkpoint, source)),
        meta=published_meta(checkpoint.get('meta') or {}, source),
    )
    data = to_bytes(published)
    digest = hashlib.sha256(data).hexdigest()[:8]
    stem, ending = osp.splitext(target)
    path = f'{stem}-{digest}{ending or ".pth"}'
    write_checkpoint(data, path)
    return path


def published_meta(meta: Dict[str, Any], source: str) -> Dict[str, Any]:
    """Return what is said about the weights, in plain values."""
    missing = [key for key in ('cfg', 'dataset_meta') if not meta.get(key)]
    if missing:
        raise UserError(
            f'{source} has no meta[{missing[0]!r}], without which nobody can '
            'use the weights: publish a checkpoint that training or '
            'tools/convert_checkpoint.py poet wrote.'
        )
    kept = {
        key: to_plain(meta[key], f'meta[{key!r}]')
        for key in KEPT
        if key in meta
    }
    try:
        kept['cfg'] = without_private(kept['cfg'])
    except UserError as error:
        raise UserError(f'{source}: {error}') from error
    kept.setdefault('versions', versions())
    return kept


def to_plain(value: Any, name: str = 'checkpoint') -> Any:
    """Turn arrays into lists, copy tensors without what they are views of.

    Raises:
        UserError: Something in it is neither plain nor an array.
    """
    if type(value) in PLAIN:
        return value
    if isinstance(value, Tensor):
        return value.detach().cpu().clone().contiguous()
    if isinstance(value, (np.ndarray, np.generic)):
        return to_plain(value.tolist(), name)
    if isinstance(value, dict):
        return {
            to_plain(key, name): to_plain(item, f'{name}[{key!r}]')
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        items = [
            to_plain(item, f'{name}[{i}]') for i, item in enumerate(value)
        ]
        return items if isinstance(value, list) else tuple(items)
    raise UserError(
        f'{name} is a {type(value).__name__}, which only a pickle '
        'of classes can keep. Leave it out or make it a number, '
        'a string, or a list of them.'
    )


def to_bytes(checkpoint: Dict[str, Any]) -> bytes:
    """Return the file of a checkpoint of plain values, the same for equal
    ones.
    """
    buffer = io.BytesIO()  # a file on disk would hold its own name
    torch.save(to_plain(checkpoint), buffer)
    return buffer.getvalue()


def without_private(cfg: str) -> str:
    """Return the text of a config, less what tells where somebody ran it.

    It is read without running it. Top-level values that are ``PRIVATE`` are
    left out, and absolute paths shortened: a ``data_root`` to ``data/``, what
    lies in it to its place there (which ``--data-root`` of test.py moves),
    another file to its name, another folder to ``'.'``.

    Raises:
        UserError: It is no text, or more than data.
    """
    if not isinstance(cfg, str):
        raise UserError(
            f"meta['cfg'] is a {type(cfg).__name__}, expected the "
            'text of a config, as Config.pretty_text gives it.'
        )
    try:
        data = read_plain(cfg)
    except NotPlain as error:
        raise UserError(
            f"meta['cfg'] {error}. Put the text of the config "
            'there, as Config.pretty_text gives it.'
        ) from error
    roots = {str(node.get('data_root')) for node in walk(data)}
    roots = [
        root.replace('\\', '/').rstrip('/')
        for root in roots
        if ABSOLUTE.match(root)
    ]
    roots.sort(key=len, reverse=True)
    return Config(
        {
            name: _shorten(value, roots, name == 'data_root')
            for name, value in data.items()
            if name not in PRIVATE
        }
    ).pretty_text


def _shorten(value: Any, roots: List[str], in_dataset: bool = False) -> Any:
    """Shorten the absolute paths in a value, maybe of a dict that has a
    ``data_root``.
    """
    if isinstance(value, str) and ABSOLUTE.match(value):
        return public_path(value, roots, in_dataset)
    if isinstance(value, dict):
        in_dataset = in_dataset or 'data_root' in value
        return {
            _shorten(key, roots, in_dataset): _shorten(item, roots, in_dataset)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return type(value)(_shorten(item, roots, in_dataset) for item in value)
    return value


def public_path(path: str, roots: List[str], in_dataset: bool) -> str:
    """Return what to tell instead of an absolute path.

    Args:
        path (str): ``/home/me/coco/annotations/a.json``.
        roots (list[str]): ``['/home/me/coco']``, inner ones first.
        in_dataset (bool): Whether it will be looked for in the data root.

    Returns:
        str: ``annotations/a.json`` in a data set, else ``data/`` before that;
        with other roots ``a.json``.
    """
    path = path.replace('\\', '/')
    for root in roots:
        if path.rstrip('/') == root:
            return DATA_ROOT
        if path.startswith(f'{root}/'):
            place = path[len(root) :].lstrip('/')
            return place if in_dataset else DATA_ROOT + place
    name = osp.basename(path)
    return name if osp.splitext(name)[1] else '.'
