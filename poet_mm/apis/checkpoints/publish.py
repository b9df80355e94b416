"""A training checkpoint -> one to give away: weights, and what is needed to
use them."""
import ast
import hashlib
import os.path as osp
import re
from typing import Any, Dict

from ...files import write_whole
from ..blocks import strip_ddp
from ..launch import UserError
from .files import (
    read_checkpoint,
    state_dict_of,
    to_bytes,
    to_plain,
    versions,
)

KEPT = ('cfg', 'dataset_meta', 'epoch', 'iter', 'seed', 'experiment_name',
        'time', 'mmengine_version', 'versions', 'source')
# Of the config: where and how somebody ran it.
PRIVATE = ('work_dir', 'load_from', 'resume', 'launcher')


def publish(source: str, target: str) -> str:
    """Write the part of a checkpoint that others need.

    With EMA, mmengine keeps the averaged weights in ``state_dict`` and those
    of the last step in ``ema_state_dict``: the averaged ones are published.

    Args:
        source (str): A checkpoint of a training, or any other.
        target (str): File ``NAME.pth``; the first eight digits of its SHA-256
            go into its name, where torch's downloads check them.

    Returns:
        str: The file that was written, ``NAME-0123abcd.pth``.

    Raises:
        UserError: The source is none, or lacks config or metainfo.
    """
    checkpoint = read_checkpoint(source)
    published = dict(
        state_dict=strip_ddp(state_dict_of(checkpoint, source)),
        meta=published_meta(checkpoint.get('meta') or {}, source))
    data = to_bytes(published)
    digest = hashlib.sha256(data).hexdigest()[:8]
    stem, ending = osp.splitext(target)
    path = f'{stem}-{digest}{ending or ".pth"}'
    write_whole(data, path)
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
    kept['cfg'] = without_private(kept['cfg'])
    kept.setdefault('versions', versions())
    return kept


def without_private(cfg: str) -> str:
    """The text of a config, less top-level values that are ``PRIVATE``; not
    executed."""
    private = [
        node for node in ast.parse(cfg).body if isinstance(node, ast.Assign)
        and getattr(node.targets[0], 'id', None) in PRIVATE
    ]
    lines = cfg.splitlines()
    for node in reversed(private):
        del lines[node.lineno - 1:node.end_lineno]
    return re.sub(r'\n+$', '', '\n'.join(lines)) + '\n'
