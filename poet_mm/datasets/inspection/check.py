"""Apply all rules to a data set."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, List, Optional, Tuple

from mmpose.datasets.datasets.utils import parse_pose_metainfo

from ...errors import UserError, first_line
from ...utils.config import read_config
from ..annotations import read_annotations
from ..columns import Table
from ..rules import RULES, Finding
from .images import FILE_RULES, FileTable, read_files

NUM_QUERIES = 25  # the paper's
PARTS_OF_METAINFO = (
    'dataset_name',
    'keypoint_info',
    'skeleton_info',
    'joint_weights',
    'sigmas',
)


@dataclass
class Expected:
    """Hold what a model expects of its data, None where it is unknown."""

    keypoint_names: Optional[List[str]] = None
    num_queries: int = NUM_QUERIES


def read_expected(path: str) -> Expected:
    """Return skeleton and queries of a config, or the skeleton of a metainfo
    file.

    Args:
        path (str): Config of a model, its name in ``configs/``, or a file
            with ``dataset_info``.

    Raises:
        UserError: It cannot be read, or has no complete skeleton.
    """
    cfg = read_config(path)
    num_queries = NUM_QUERIES
    if 'dataset_info' in cfg:
        metainfo = cfg.dataset_info
    else:
        dataset = (cfg.get('train_dataloader') or {}).get('dataset') or {}
        metainfo = dataset.get('metainfo')
        head = (cfg.get('model') or {}).get('head') or {}
        num_queries = head.get('num_queries', NUM_QUERIES)
    if metainfo is None:
        raise UserError(
            f'{path} has no dataset_info, nor a '
            'train_dataloader.dataset.metainfo.'
        )
    return Expected(keypoint_names_of(metainfo, path), num_queries)


def keypoint_names_of(metainfo: Any, path: str) -> List[str]:
    """Return the names of the keypoints of a skeleton in MMPose's layout.

    Raises:
        UserError: It has another layout; names what is missing.
    """
    try:
        names = parse_pose_metainfo(metainfo)['keypoint_id2name']
        return [names[k] for k in sorted(names)]
    except Exception as error:  # it checks nothing before it reads it
        problem = f'{type(error).__name__}: {first_line(error)}'
        if isinstance(error, AssertionError):  # without a message
            missing = [key for key in PARTS_OF_METAINFO if key not in metainfo]
            problem = f'it lacks {", ".join(missing)}'
        raise UserError(
            f'{path}: its skeleton (dataset_info, metainfo) cannot be used '
            f'({problem}). It needs {", ".join(PARTS_OF_METAINFO)}, as '
            'configs/_base_/datasets/coco.py of MMPose has.'
        ) from error


def names_in_file(content: dict) -> Optional[List[str]]:
    """Return the keypoint names of the first category that has some."""
    for category in content.get('categories', []):
        names = category.get('keypoints')
        if isinstance(names, list) and names:
            return [str(name) for name in names]
    return None


def common_names(content: dict) -> List[str]:
    """Return made-up names for as many keypoints as most annotations
    have.
    """
    counts = Counter(
        len(ann['keypoints']) // 3
        for ann in content['annotations']
        if isinstance(ann.get('keypoints'), list)
    )
    most = max(counts, key=counts.get, default=0)
    return [f'keypoint {k}' for k in range(most)]


def check_dataset(
    ann_file: str,
    images: Optional[str] = None,
    expected: Optional[Expected] = None,
    decode: bool = False,
) -> Tuple[Table, List[Finding]]:
    """Find what is wrong or unusual, without a change of any file.

    Args:
        ann_file (str): Annotation file in COCO's layout.
        images (str, optional): Folder of the images. Defaults to None: they
            are not looked at.
        expected (Expected, optional): What the model expects. Without it the
            keypoints are those that the file names.
        decode (bool): Also read all pixels, not only the headers of the
            images. Defaults to False.

    Returns:
        tuple: The file as columns; findings, the wrong ones first.

    Raises:
        DataFault: The file cannot be read, or is not in COCO's layout.
    """
    expected = expected or Expected()
    content = read_annotations(ann_file)
    in_file = names_in_file(content)
    table = Table(
        content,
        expected.keypoint_names or in_file or common_names(content),
        in_file,
        expected.num_queries,
    )
    findings = [found for rule in RULES for found in rule.check(table)]
    if images is not None:
        files = FileTable(table, read_files(table, images, decode))
        findings += [
            found for rule in FILE_RULES for found in rule.check(files)
        ]
    findings.sort(key=lambda finding: not finding.wrong)
    return table, findings
