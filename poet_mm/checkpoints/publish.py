"""A training checkpoint -> one to give away: weights, and what is needed to
use them."""
import ast
import hashlib
import io
import os.path as osp
import re
from typing import Any, Dict, Iterator, List, Tuple

import numpy as np
import torch
from torch import Tensor

from ..errors import UserError
from .compare import strip_ddp
from .files import read_checkpoint, state_dict_of, versions, write_checkpoint

PLAIN = (str, int, float, bool, type(None))
KEPT = ('cfg', 'dataset_meta', 'epoch', 'iter', 'seed', 'experiment_name',
        'time', 'mmengine_version', 'versions', 'source')
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


def to_plain(value: Any, name: str = 'checkpoint') -> Any:
    """Arrays as lists, tensors on the CPU without what they are views of.

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
    raise UserError(f'{name} is a {type(value).__name__}, which only a pickle '
                    'of classes can keep. Leave it out or make it a number, '
                    'a string, or a list of them.')


def to_bytes(checkpoint: Dict[str, Any]) -> bytes:
    """The file of a checkpoint of plain values; equal ones have equal files.
    """
    buffer = io.BytesIO()  # a file on disk would hold its own name
    torch.save(to_plain(checkpoint), buffer)
    return buffer.getvalue()


def without_private(cfg: str) -> str:
    """The text of a config, less what tells where somebody ran it; not
    executed.

    Top-level values that are ``PRIVATE`` are left out, and absolute paths
    shortened: a ``data_root`` to ``data/``, what lies in it to its place there
    (which ``--data-root`` of test.py moves), another file to its name, another
    folder to ``'.'``.

    Raises:
        UserError: It is no text, or no Python.
    """
    if not isinstance(cfg, str):
        raise UserError(f"meta['cfg'] is a {type(cfg).__name__}, expected the "
                        'text of a config, as Config.pretty_text gives it.')
    cfg = re.sub(r'\r\n?', '\n', cfg)  # the lines that Python counts
    try:
        tree, lines = ast.parse(cfg), cfg.encode().split(b'\n')
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UserError(f"meta['cfg'] is no Python ({error}). Put the text of "
                        'the config there, as Config.pretty_text gives it.'
                        ) from error
    roots = sorted(set(_data_roots(tree)), key=len, reverse=True)
    for statement in reversed(tree.body):
        if getattr(statement, 'targets', None) and getattr(
                statement.targets[0], 'id', None) in PRIVATE:
            del lines[statement.lineno - 1:statement.end_lineno]
            continue
        paths = sorted(
            _absolute_paths(statement),
            key=lambda found: (found[0].lineno, found[0].col_offset))
        for node, in_dataset in reversed(paths):
            path = public_path(node.value, roots, in_dataset)
            _replace(lines, node, repr(path))
    return b'\n'.join(lines).decode().rstrip('\n') + '\n'


def public_path(path: str, roots: List[str], in_dataset: bool) -> str:
    """What to tell instead of an absolute path.

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
            place = path[len(root):].lstrip('/')
            return place if in_dataset else DATA_ROOT + place
    name = osp.basename(path)
    return name if osp.splitext(name)[1] else '.'


def _replace(lines: List[bytes], node: ast.Constant, text: str) -> None:
    """Write another text where a value is, which may have several lines."""
    first, last = node.lineno - 1, node.end_lineno - 1
    lines[first:last + 1] = [
        lines[first][:node.col_offset] + text.encode() +
        lines[last][node.end_col_offset:]
    ]


def _items(node: ast.AST) -> Dict[str, ast.AST]:
    """Keys and values of a ``dict(...)``, a ``{...}`` or an assignment."""
    if isinstance(node, ast.Call):
        return {word.arg: word.value for word in node.keywords}
    if isinstance(node, ast.Dict):
        return {
            getattr(key, 'value', None): value
            for key, value in zip(node.keys, node.values)
        }
    if isinstance(node, ast.Assign):
        return {getattr(node.targets[0], 'id', None): node.value}
    return {}


def _is_absolute(node: ast.AST) -> bool:
    return (isinstance(node, ast.Constant) and isinstance(node.value, str)
            and ABSOLUTE.match(node.value) is not None)


def _data_roots(tree: ast.AST) -> Iterator[str]:
    """The absolute ones, without / at their ends."""
    for node in ast.walk(tree):
        root = _items(node).get('data_root')
        if root is not None and _is_absolute(root):
            yield root.value.replace('\\', '/').rstrip('/')


def _absolute_paths(node: ast.AST, in_dataset: bool = False
                    ) -> Iterator[Tuple[ast.Constant, bool]]:
    """Paths, and whether each is in a dict that has a ``data_root``."""
    if _is_absolute(node):
        yield node, in_dataset
    in_dataset = in_dataset or 'data_root' in _items(node)
    for child in ast.iter_child_nodes(node):
        yield from _absolute_paths(child, in_dataset)
