"""Find and read configs, and give them a data set and its skeleton.

K: number of keypoints of the skeleton.
"""

import difflib
import os.path as osp
import traceback
from glob import glob
from typing import TYPE_CHECKING, Any, Iterator, List, Optional

from ..errors import UserError, first_line
from .layouts import Splits, check_data_root

if TYPE_CHECKING:  # importing it takes seconds
    from mmengine.config import Config

PACKAGE = osp.normpath(osp.join(osp.dirname(__file__), '..'))
CONFIGS = osp.join(PACKAGE, '.mim', 'configs')
if not osp.isdir(CONFIGS):  # in a clone of the repository
    CONFIGS = osp.join(PACKAGE, '..', 'configs')
COCO = dict(from_file='configs/_base_/datasets/coco.py')  # of the base configs
PARTS_OF_METAINFO = (
    'dataset_name',
    'keypoint_info',
    'skeleton_info',
    'joint_weights',
    'sigmas',
)


def walk(node) -> Iterator[dict]:
    """Yield all dicts inside nested dicts, lists and tuples."""
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, (list, tuple)):
        for child in node:
            yield from walk(child)


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


def annotation_files(loader: Optional[dict]) -> List[str]:
    """Return the annotation files of a loader that exist."""
    paths = [
        osp.join(node.get('data_root') or '', node['ann_file'])
        for node in walk(loader)
        if node.get('ann_file')
    ]
    return [path for path in paths if osp.isfile(path)]


def set_splits(cfg: 'Config', splits: Splits) -> None:
    """Point the loaders and evaluators at the files of a data set.

    Args:
        cfg (Config): Changed in place. The loader and evaluator of a split
            that is missing keep theirs; those of ``test`` get ``val``.
        splits (dict): From :func:`read_splits`.
    """
    if 'val' in splits:
        splits = dict(splits, test=splits.get('test', splits['val']))
    for name, split in splits.items():
        for node in walk(cfg.get(f'{name}_dataloader')):
            if node.get('ann_file'):
                node['data_root'] = ''
                node['ann_file'] = split.ann_file
                node['data_prefix'] = dict(img=split.images)
        for node in walk(cfg.get(f'{name}_evaluator')):
            if node.get('ann_file'):
                node['ann_file'] = split.ann_file


def keypoint_names_of(metainfo: Any, path: str) -> List[str]:
    """Return the names of the K keypoints of a skeleton in MMPose's layout.

    Args:
        metainfo (dict): The skeleton, or ``dict(from_file=PATH)``.
        path (str): Where it comes from, for messages.

    Raises:
        UserError: It has another layout. The message names missing parts.
    """
    from mmpose.datasets.datasets.utils import parse_pose_metainfo

    try:
        names = parse_pose_metainfo(metainfo)['keypoint_id2name']
        return [names[k] for k in sorted(names)]
    except Exception as error:  # parse_pose_metainfo checks nothing
        problem = f'{type(error).__name__}: {first_line(error)}'
        if isinstance(error, AssertionError):  # without a message
            missing = [key for key in PARTS_OF_METAINFO if key not in metainfo]
            problem = f'it lacks {", ".join(missing)}'
        raise UserError(
            f'{path}: its skeleton (dataset_info, metainfo) cannot be used '
            f'({problem}). It needs {", ".join(PARTS_OF_METAINFO)}, as '
            'configs/_base_/datasets/coco.py of MMPose has.'
        ) from error


def set_metainfo(cfg: 'Config', metainfo: dict, path: str) -> None:
    """Give data sets, head and loss of a config another skeleton.

    Args:
        cfg (Config): Changed in place.
        metainfo (dict): The skeleton, or ``dict(from_file=PATH)``.
        path (str): Where it comes from, for messages.
    """
    K = len(keypoint_names_of(metainfo, path))
    cfg.metainfo = metainfo
    for node in nodes_with_metainfo(cfg):
        node['metainfo'] = metainfo
    set_num_keypoints(cfg, K)


def spread_metainfo(cfg: 'Config', path: str) -> None:
    """Spread ``metainfo`` of a config over its data sets, head and loss.

    Only COCO's skeleton, which the base configs set, is replaced: a config
    may still set each of them by itself.

    Args:
        cfg (Config): Changed in place, unless ``metainfo`` is COCO's.
        path (str): Name of the config, for messages.
    """
    metainfo = cfg.get('metainfo')
    if metainfo in (None, COCO):
        return
    K = len(keypoint_names_of(metainfo, path))
    for node in nodes_with_metainfo(cfg):
        if node.get('metainfo') in (None, COCO):
            node['metainfo'] = metainfo
    if head_of(cfg).get('num_keypoints') == 17:  # that of the base configs
        set_num_keypoints(cfg, K)


def head_of(cfg: 'Config') -> dict:
    """Return the head of a config's model, empty if it has none."""
    return (cfg.get('model') or {}).get('head') or {}


def nodes_with_metainfo(cfg: 'Config') -> Iterator[dict]:
    """Yield the data sets of all loaders, and a loss with an OKS term."""
    for name in ('train', 'val', 'test'):
        for node in walk(cfg.get(f'{name}_dataloader')):
            if node.get('ann_file'):
                yield node
    loss = head_of(cfg).get('loss')
    if isinstance(loss, dict) and loss.get('oks_weight'):
        yield loss


def set_num_keypoints(cfg: 'Config', K: int) -> None:
    """Set the number of keypoints of the head and of AE's codecs."""
    head = head_of(cfg)
    if 'num_keypoints' in head:
        head['num_keypoints'] = K
    for node in walk([cfg.get('model'), cfg.get('train_dataloader')]):
        order = node.get('decode_keypoint_order')
        if order is not None and len(order) != K:
            node['decode_keypoint_order'] = list(range(K))


def pretrained_files(cfg: 'Config') -> List[str]:
    """Return the files or URLs of all ``init_cfg`` of type Pretrained."""
    return [
        node['checkpoint']
        for node in walk(cfg.model)
        if node.get('type') == 'Pretrained'
    ]


def read_config(name: str) -> 'Config':
    """Read a config, given as in :func:`find_config`.

    Its key ``metainfo`` is spread, see :func:`spread_metainfo`.

    Raises:
        UserError: The file does not exist or cannot be read.
    """
    from mmengine.config import Config

    path = find_config(name)
    try:
        cfg = Config.fromfile(path)
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
    spread_metainfo(cfg, path)
    return cfg


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
