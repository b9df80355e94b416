"""A training checkpoint -> one to give away: weights, and what is needed to
use them."""
import hashlib
import os.path as osp
from typing import Any, Dict

from ...errors import UserError
from ..blocks import strip_ddp
from .files import (
    read_checkpoint,
    state_dict_of,
    to_bytes,
    to_plain,
    versions,
    write_checkpoint,
)
from .private import without_private

KEPT = ('cfg', 'dataset_meta', 'epoch', 'iter', 'seed', 'experiment_name',
        'time', 'mmengine_version', 'versions', 'source')


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
        raise UserError(f'{target!r} is a folder: give the name of a file, '
                        f'such as {osp.join(target, "poet.pth")}.')
    checkpoint = read_checkpoint(source)
    published = dict(
        state_dict=strip_ddp(state_dict_of(checkpoint, source)),
        meta=published_meta(checkpoint.get('meta') or {}, source))
    data = to_bytes(published)
    digest = hashlib.sha256(data).hexdigest()[:8]
    stem, ending = osp.splitext(target)
    path = f'{stem}-{digest}{ending or ".pth"}'
    write_checkpoint(data, path)
    return path


def published_meta(meta: Dict[str, Any], source: str) -> Dict[str, Any]:
    """What is said about the weights, in plain values."""
    missing = [key for key in ('cfg', 'dataset_meta') if not meta.get(key)]
    if missing:
        raise UserError(
            f'{source} has no meta[{missing[0]!r}], without which nobody can '
            'use the weights: publish a checkpoint that training or '
            'tools/convert_checkpoint.py poet wrote.')
    kept = {key: to_plain(meta[key], f'meta[{key!r}]')
            for key in KEPT if key in meta}
    try:
        kept['cfg'] = without_private(kept['cfg'])
    except UserError as error:
        raise UserError(f'{source}: {error}') from error
    kept.setdefault('versions', versions())
    return kept
