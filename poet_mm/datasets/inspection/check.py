"""All checks of a data set, one after another."""
from dataclasses import dataclass
from typing import Any, List, Optional

from mmpose.datasets.datasets.utils import parse_pose_metainfo

from ...errors import UserError, first_line
from ...utils.config import read_config
from ..annotations import read_annotations
from .annotations import check_people
from .columns import Table, common_num_joints, make_table
from .entries import check_entries
from .images import check_images, read_files
from .skeleton import check_skeleton, file_joint_names

NUM_QUERIES = 25  # the paper's
PARTS_OF_METAINFO = ('dataset_name', 'keypoint_info', 'skeleton_info',
                     'joint_weights', 'sigmas')


@dataclass
class Expected:
    """What a model expects of its data; None where nobody said."""
    joint_names: Optional[List[str]] = None
    num_queries: int = NUM_QUERIES


def read_expected(path: str) -> Expected:
    """Skeleton and queries of a config, or the skeleton of a metainfo file.

    Args:
        path (str): Config of a model, its name in ``configs/``, or a file
            with ``dataset_info``.

    Raises:
        UserError: It cannot be read, or tells no whole skeleton.
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
        raise UserError(f'{path} has no dataset_info, nor a '
                        'train_dataloader.dataset.metainfo.')
    return Expected(joint_names_of(metainfo, path), num_queries)


def joint_names_of(metainfo: Any, path: str) -> List[str]:
    """Names of the joints in a skeleton of MMPose's layout.

    Raises:
        UserError: It is not in that layout; says what is missing.
    """
    try:
        names = parse_pose_metainfo(metainfo)['keypoint_id2name']
        return [names[k] for k in sorted(names)]
    except Exception as error:  # it looks at nothing before it takes it
        problem = f'{type(error).__name__}: {first_line(error)}'
        if isinstance(error, AssertionError):  # it says nothing
            missing = [key for key in PARTS_OF_METAINFO if key not in metainfo]
            problem = f'it lacks {", ".join(missing)}'
        raise UserError(
            f'{path}: its skeleton (dataset_info, metainfo) cannot be used '
            f'({problem}). It needs {", ".join(PARTS_OF_METAINFO)}, as '
            'configs/_base_/datasets/coco.py of MMPose has.') from error


def check_dataset(ann_file: str,
                  images: Optional[str] = None,
                  expected: Optional[Expected] = None,
                  decode: bool = False) -> tuple:
    """Find what is wrong or unusual; reads, and changes nothing.

    Args:
        ann_file (str): Annotation file in COCO's layout.
        images (str, optional): Folder of the images. Defaults to None: they
            are not looked at.
        expected (Expected, optional): What the model expects. Without it the
            joints are those that the file names.
        decode (bool): Whether to read all pixels, not only the headers of
            the images. Defaults to False.

    Returns:
        tuple[Table, list[Finding]]: The file as arrays; findings, the wrong
        ones first.

    Raises:
        DataFault: The file cannot be read, or is not in COCO's layout.
    """
    expected = expected or Expected()
    content = read_annotations(ann_file)
    in_file = file_joint_names(content.get('categories', []))
    names = expected.joint_names or in_file or [
        f'joint {k}' for k in range(common_num_joints(content['annotations']))
    ]
    table: Table = make_table(content, names)
    findings = [
        *check_skeleton(in_file, expected.joint_names),
        *check_entries(table),
        *check_people(table, expected.num_queries)
    ]
    if images is not None:
        files = read_files(table, images, decode)
        findings += check_images(table, images, files)
    findings.sort(key=lambda finding: not finding.wrong)
    return table, findings
