"""Reduce a training checkpoint to weights and what is needed to use them."""

import hashlib
import io
import os.path as osp
import re
from typing import Any, Dict, List, Optional

import numpy as np
import torch
from mmengine.config import Config
from torch import Tensor

from ..errors import UserError
from ..utils.config import walk
from ..utils.files import explain_write_errors, write_whole
from .compare import strip_ddp
from .files import read_checkpoint, state_dict_of
from .safe_config import NotPlain, read_plain

PLAIN = (str, int, float, bool, type(None))
KEPT = (  # keys of meta
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
    'visibility_temperature',
    'score_thr',
)
PRIVATE = ('work_dir', 'load_from', 'resume', 'launcher')  # keys of the config
# /home/x, ~/x, C:\x, \\server\x, file:///x
ABSOLUTE = re.compile(r'/.|~\w*/|[A-Za-z]:[\\/]|\\\\|file://')
SCORE_THR = 0.5  # of checkpoints that have none of their own
DATA_ROOT = 'data/'  # replaces an absolute data root


def publish(
    source: str,
    target: str,
    half: bool = False,
    visibility_temperature: Optional[float] = None,
    score_thr: Optional[float] = None,
) -> str:
    """Write a copy with weights, config and metainfo only, in plain values.

    With EMA, mmengine keeps the averaged weights in ``state_dict`` and those
    of the last step in ``ema_state_dict``. The averaged ones are published.
    :func:`without_private` removes private paths from the config.

    Args:
        source (str): Checkpoint file of a training or of a conversion.
        target (str): File ``NAME.pth`` to write. The first eight digits of its
            SHA-256 go into its name, where ``torch.hub`` checks them.
        half (bool): Round the weights to float16. Defaults to False.
        visibility_temperature (float, optional): Temperature that calibrates
            visibility, see ``POETInferencer``. Defaults to None: that of the
            source, if it has one.
        score_thr (float, optional): Score from which ``POETInferencer`` takes
            a prediction for a person, in [0, 1]. Defaults to None: that of
            the source, if it has one.

    Returns:
        str: The file that was written, ``NAME-0123abcd.pth``.

    Raises:
        UserError: The source cannot be read or lacks config or metainfo, a
            weight is too large for float16, the temperature is not above 0
            and finite, the score is not in [0, 1], or the target is a folder
            or cannot be written.
    """
    if osp.isdir(target) or not osp.basename(target):
        raise UserError(
            f'{target!r} is a folder: give the name of a file, '
            f'such as {osp.join(target, "poet.pth")}.'
        )
    checkpoint = read_checkpoint(source)
    numbers = {}
    if visibility_temperature is not None:
        numbers['visibility_temperature'] = check_temperature(
            visibility_temperature
        )
    if score_thr is not None:
        numbers['score_thr'] = check_score(score_thr)
    checkpoint['meta'] = {**(checkpoint.get('meta') or {}), **numbers}
    data = published_bytes(checkpoint, source, half)
    digest = hashlib.sha256(data).hexdigest()[:8]
    stem, ending = osp.splitext(target)
    path = f'{stem}-{digest}{ending or ".pth"}'
    with explain_write_errors(path):
        write_whole(data, path)
    return path


def check_temperature(temperature: float) -> float:
    """Return a temperature as a plain number.

    Raises:
        UserError: It is not above 0 and finite.
    """
    if not 0 < temperature < float('inf'):
        raise UserError(
            f'visibility temperature {temperature:g} must be above 0 and '
            'finite. tools/analyze.py visibility fits one.'
        )
    return float(temperature)


def stored_score(checkpoint: Dict[str, Any]) -> float:
    """Return the lowest score of a person: the checkpoint's, or SCORE_THR.

    Raises:
        UserError: The checkpoint's is not in [0, 1].
    """
    meta = checkpoint.get('meta') or {}
    return check_score(meta.get('score_thr', SCORE_THR))


def check_score(score: float) -> float:
    """Return a score as a plain number.

    Raises:
        UserError: It is not in [0, 1].
    """
    if not 0 <= score <= 1:
        raise UserError(f'The score {score:g} must be in [0, 1].')
    return float(score)


def published_bytes(
    checkpoint: Dict[str, Any], source: str, half: bool = False
) -> bytes:
    """Return the published file of a checkpoint.

    Args:
        checkpoint (dict): With config and metainfo in its ``meta``.
        source (str): Name of the checkpoint for the message.
        half (bool): Round the weights to float16. Defaults to False.

    Raises:
        UserError: It lacks config or metainfo, holds more than data, or a
            weight is too large for float16.
    """
    weights = strip_ddp(state_dict_of(checkpoint, source))
    return to_bytes(
        dict(
            state_dict=round_to_half(weights) if half else weights,
            meta=_published_meta(checkpoint.get('meta') or {}, source),
        )
    )


def round_to_half(weights: Dict[str, Tensor]) -> Dict[str, Tensor]:
    """Round floating-point weights to float16.

    Raises:
        UserError: A finite weight is too large for float16.
    """
    rounded = {
        name: value.half() if value.is_floating_point() else value
        for name, value in weights.items()
    }
    for name, value in weights.items():
        if not rounded[name].isfinite().equal(value.isfinite()):
            raise UserError(
                f'{name} has {float(value.abs().max()):.3g}, more than the '
                f'{torch.finfo(torch.half).max:.0f} of float16. Leave out '
                '--half.'
            )
    return rounded


def _published_meta(meta: Dict[str, Any], source: str) -> Dict[str, Any]:
    """Return the part of ``meta`` to publish, in plain values."""
    missing = [key for key in ('cfg', 'dataset_meta') if not meta.get(key)]
    if missing:
        raise UserError(
            f'{source} has no meta[{missing[0]!r}], which is needed to use '
            'the weights: publish a checkpoint that training or '
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
    return kept


def to_plain(value: Any, name: str = 'checkpoint') -> Any:
    """Return a value of built-in types and tensors only.

    Arrays become lists. A view becomes a tensor of its own, so that its whole
    storage is not saved.

    Args:
        value (Any): Numbers, strings, arrays and tensors, in dicts, lists and
            tuples.
        name (str): Name of the value for the message.

    Raises:
        UserError: The value holds anything else.
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
        f'{name} is a {type(value).__name__}. Only numbers, strings, arrays, '
        'tensors and lists or dicts of them can be published. Remove it.'
    )


def to_bytes(checkpoint: Dict[str, Any]) -> bytes:
    """Return the bytes of a checkpoint file, the same for the same values."""
    buffer = io.BytesIO()  # torch.save(path) would store the file name, too
    torch.save(to_plain(checkpoint), buffer)
    return buffer.getvalue()


def without_private(cfg: str) -> str:
    """Remove private paths and run settings from the text of a config.

    The config is read without running it. The keys of ``PRIVATE`` are removed,
    and absolute paths are shortened:

    - A ``data_root`` becomes ``data/``.
    - A path inside a data root becomes relative to it. It gets ``data/`` in
      front, unless it is in a dataset, which adds its ``data_root``.
      ``tools/test.py --data-root`` finds both.
    - Any other file becomes its name, any other folder ``'.'``.

    Raises:
        UserError: The config is not text, or is more than data.
    """
    try:
        data = read_plain(cfg)
    except NotPlain as error:
        raise UserError(
            f"meta['cfg'] {error}. Put the text of the config "
            'there, as Config.pretty_text gives it.'
        ) from error
    roots = {
        node['data_root'].replace('\\', '/').rstrip('/')
        for node in walk(data)
        if ABSOLUTE.match(str(node.get('data_root')))
    }
    # longest first, because one may contain another
    roots = sorted(roots, key=len, reverse=True)
    public = {key: data[key] for key in data if key not in PRIVATE}
    return Config(
        {key: _shorten(value, roots) for key, value in public.items()}
    ).pretty_text


def _shorten(value: Any, roots: List[str], in_dataset: bool = False) -> Any:
    """Shorten the absolute paths in a value of a config, keys included.

    Args:
        value (Any): For example ``'/home/me/coco/annotations/a.json'``.
        roots (list[str]): ``['/home/me/coco']``, longest first.
        in_dataset (bool): Whether the value is in a dict with a ``data_root``,
            to which paths are relative.
    """
    if isinstance(value, dict):
        in_dataset = in_dataset or 'data_root' in value
        return {
            _shorten(key, roots): _shorten(item, roots, in_dataset)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return type(value)(_shorten(item, roots, in_dataset) for item in value)
    if not isinstance(value, str) or not ABSOLUTE.match(value):
        return value
    path = value.replace('\\', '/')
    for root in roots:
        if path.rstrip('/') == root:
            return DATA_ROOT
        if path.startswith(f'{root}/'):
            place = path[len(root) :].lstrip('/')
            return place if in_dataset else DATA_ROOT + place
    name = osp.basename(path)
    return name if osp.splitext(name)[1] else '.'
