"""Find and read configs, and point them to a data set."""

import difflib
import os.path as osp
import traceback
from glob import glob
from typing import TYPE_CHECKING, Iterator, List

from ..errors import UserError, first_line

if TYPE_CHECKING:  # importing it takes seconds
    from mmengine.config import Config

PACKAGE = osp.normpath(osp.join(osp.dirname(__file__), '..'))
CONFIGS = osp.join(PACKAGE, '.mim', 'configs')
if not osp.isdir(CONFIGS):  # in a clone of the repository
    CONFIGS = osp.join(PACKAGE, '..', 'configs')


def walk(node) -> Iterator[dict]:
    """Yield all dicts inside nested dicts, lists and tuples."""
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, (list, tuple)):
        for child in node:
            yield from walk(child)


def check_data_root(data_root: str) -> None:
    """Raise a UserError if a folder or its ``annotations`` does not exist."""
    if not osp.isdir(osp.join(data_root, 'annotations')):
        fault = 'does not exist'
        if osp.isdir(data_root):
            fault = 'has no folder annotations'
        raise UserError(
            f"--data-root {data_root} {fault}. Give a folder in COCO's "
            'layout (annotations/person_keypoints_{train,val}2017.json, '
            'train2017/, val2017/).'
        )


def set_data_root(cfg: 'Config', data_root: str) -> None:
    """Point every loader and evaluator at a folder in COCO's layout.

    Args:
        cfg (Config): Changed in place: each ``data_root`` of the loaders, and
            each ``ann_file`` of the evaluators.
        data_root (str): Folder with ``annotations/`` and the image folders.

    Raises:
        UserError: The folder or its ``annotations/`` does not exist, or the
            ``ann_file`` of an evaluator is in no data root of a loader.
    """
    check_data_root(data_root)
    old_roots = set()
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        for node in walk(cfg.get(name)):
            if node.get('data_root') is not None:
                old_roots.add(osp.normpath(node['data_root']))
                node['data_root'] = data_root
    for name in ('val_evaluator', 'test_evaluator'):
        for node in walk(cfg.get(name)):
            if node.get('ann_file'):
                path = osp.normpath(node['ann_file'])
                node['ann_file'] = _move(path, old_roots, data_root)


def _move(path: str, old_roots: set, data_root: str) -> str:
    """Return the path of an annotation file in another data root."""
    for root in old_roots:
        if path.startswith(osp.join(root, '')):
            return osp.join(data_root, osp.relpath(path, root))
    raise UserError(
        f'--data-root cannot move ann_file={path} of an evaluator, because '
        f'the data roots of the loaders are {sorted(old_roots)}. Set ann_file '
        'and data_root with --cfg-options instead.'
    )


def pretrained_files(cfg: 'Config') -> List[str]:
    """Return the files or URLs of all ``init_cfg`` of type Pretrained."""
    return [
        node['checkpoint']
        for node in walk(cfg.model)
        if node.get('type') == 'Pretrained'
    ]


def read_config(name: str) -> 'Config':
    """Read a config, given as in :func:`find_config`.

    Raises:
        UserError: The file does not exist or cannot be read.
    """
    from mmengine.config import Config

    path = find_config(name)
    try:
        return Config.fromfile(path)
    except Exception as error:  # a config is a program
        last = traceback.extract_tb(error.__traceback__)[-1]
        at_top_level = last.name == '<module>'
        where = (
            f'; {last.filename}, line {last.lineno}' if at_top_level else ''
        )
        raise UserError(
            f'{path} cannot be read as a config '
            f'({type(error).__name__}: {first_line(error)}{where}). '
            'Correct it, or use a config of configs/.'
        ) from error


def find_config(name: str) -> str:
    """Return the path of a config.

    Args:
        name (str): A file, or the name of one in ``configs/`` without ``.py``.

    Raises:
        UserError: There is no such config.
    """
    if osp.isfile(name):
        return name
    files = glob(osp.join(CONFIGS, '*.py'))
    known = {osp.splitext(osp.basename(path))[0]: path for path in files}
    if name not in known:
        close = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
        hint = f' Did you mean {" or ".join(close)}?' if close else ''
        raise UserError(
            f'{name} is neither a config file nor a name in configs/.{hint}'
        )
    return osp.normpath(known[name])
