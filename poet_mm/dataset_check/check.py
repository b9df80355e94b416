"""All checks of a data set, one after another."""
from dataclasses import dataclass
from typing import List, Optional

from mmengine.config import Config
from mmpose.datasets.datasets.utils import parse_pose_metainfo

from ..annotation_file import read_annotations
from ..apis.launch import UserError
from .entries import check_entries
from .images import check_images, read_files
from .people import check_people
from .skeleton import check_skeleton, file_joint_names
from .table import Table, common_num_joints, make_table

NUM_QUERIES = 25  # the paper's


@dataclass
class Expected:
    """What a model expects of its data; None where nobody said."""
    joint_names: Optional[List[str]] = None
    num_queries: int = NUM_QUERIES


def read_expected(path: str) -> Expected:
    """Skeleton and queries of a config, or the skeleton of a metainfo file.

    Args:
        path (str): Config of a model, or a file with ``dataset_info``.
    """
    cfg = Config.fromfile(path)
    num_queries = NUM_QUERIES
    if 'dataset_info' in cfg:
        metainfo = cfg.dataset_info
    else:
        dataset = cfg.get('train_dataloader', {}).get('dataset', {})
        metainfo = dataset.get('metainfo')
        head = cfg.get('model', {}).get('head', {})
        num_queries = head.get('num_queries', NUM_QUERIES)
    if metainfo is None:
        raise UserError(f'{path} has no dataset_info, nor a '
                        'train_dataloader.dataset.metainfo.')
    names = parse_pose_metainfo(metainfo)['keypoint_id2name']
    return Expected([names[k] for k in sorted(names)], num_queries)


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
