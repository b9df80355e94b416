"""What a config needs between the command line and mmengine's Runner."""

import difflib
import os.path as osp
import traceback
from glob import glob
from typing import TYPE_CHECKING, Iterator, List

from ..errors import UserError, first_line

if TYPE_CHECKING:  # its import takes seconds, and tools look for files first
    from mmengine.config import Config

PACKAGE = osp.normpath(osp.join(osp.dirname(__file__), '..'))
CONFIGS = osp.join(PACKAGE, '.mim', 'configs')
if not osp.isdir(CONFIGS):  # in a clone they are beside the package
    CONFIGS = osp.join(PACKAGE, '..', 'configs')


def walk(node) -> Iterator[dict]:
    """All dicts inside nested dicts, lists and tuples."""
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, (list, tuple)):
        for child in node:
            yield from walk(child)


def check_data_root(data_root: str) -> None:
    """Raise a UserError unless a folder has a folder ``annotations``."""
    if not osp.isdir(osp.join(data_root, 'annotations')):
        what = (
            'has no folder annotations'
            if osp.isdir(data_root)
            else 'does not exist'
        )
        raise UserError(
            f"--data-root {data_root} {what}: it must be a folder in COCO's "
            'layout (annotations/person_keypoints_{train,val}2017.json, '
            'train2017/, val2017/).'
        )


def set_data_root(cfg: 'Config', data_root: str) -> None:
    """Point every loader and evaluator at a folder in COCO's layout.

    Args:
        cfg (Config): Changed in place: each ``data_root`` of
            ``{train,val,test}_dataloader``, and each ``ann_file`` of the
            evaluators that lay in one of them.
        data_root (str): Folder that holds ``annotations/`` and the image
            folders.

    Raises:
        UserError: The folder does not exist or has no ``annotations/``, or
            an evaluator's ``ann_file`` lies elsewhere than the data.
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
            _move_ann_file(node, old_roots, data_root)


def _move_ann_file(node: dict, old_roots: set, data_root: str) -> None:
    if not node.get('ann_file'):
        return
    ann_file = osp.normpath(node['ann_file'])
    for root in old_roots:
        if ann_file.startswith(osp.join(root, '')):
            node['ann_file'] = osp.join(data_root, osp.relpath(ann_file, root))
            return
    raise UserError(
        f'--data-root cannot move the annotations of an evaluator, {ann_file}:'
        f' they lie in none of the data roots of the loaders, '
        f'{sorted(old_roots)}. Set ann_file of the evaluator with '
        '--cfg-options, and data_root of the loaders likewise.'
    )


def pretrained_files(cfg: 'Config') -> List[str]:
    """Weights that the model starts from, ``init_cfg`` of type Pretrained."""
    return [
        node['checkpoint']
        for node in walk(cfg.model)
        if node.get('type') == 'Pretrained'
    ]


def read_config(name: str) -> 'Config':
    """Read a config file, or one of ``configs/`` by its name without ``.py``.

    Raises:
        UserError: There is none, or it is wrong.
    """
    from mmengine.config import Config

    path = find_config(name)
    try:
        return Config.fromfile(path)
    except Exception as error:  # it is a program, and fails in any way
        last = traceback.extract_tb(error.__traceback__)[-1]
        of_config = last.name == '<module>'
        where = f'; {last.filename}, line {last.lineno}' if of_config else ''
        raise UserError(
            f'{path} cannot be read as a config '
            f'({type(error).__name__}: {first_line(error)}{where})'
            '. Correct it, or take one of configs/.'
        ) from error


def find_config(name: str) -> str:
    """File of a config: the file itself, or a name in ``configs/`` without
    its ``.py``.
    """
    if osp.isfile(name):
        return name
    files = glob(osp.join(CONFIGS, '*.py'))
    known = {osp.splitext(osp.basename(path))[0]: path for path in files}
    if name not in known:
        close = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
        hint = f' Did you mean {" or ".join(close)}?' if close else ''
        raise UserError(
            f'{name} is neither a config file nor the name of one '
            f'in configs/.{hint}'
        )
    return osp.normpath(known[name])
