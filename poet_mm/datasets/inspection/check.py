"""Apply all rules to a data set."""

from collections import Counter
from dataclasses import dataclass
from typing import List, Optional, Tuple

from ...errors import UserError
from ...utils.config import keypoint_names_of, read_config
from ..annotations import read_annotations
from ..columns import Table, numbered_names
from ..rules import STOPS, UNUSUAL, WRONG, Finding, find_violations
from .images import UNUSUAL_FILES, WRONG_FILES, FileTable, read_files

NUM_QUERIES = 25  # the paper's


@dataclass
class Expected:
    """Hold what a model expects of its data."""

    keypoint_names: Optional[List[str]] = None  # None: those of the file
    num_queries: int = NUM_QUERIES


def read_expected(path: str) -> Expected:
    """Return the keypoints and the number of queries that a config expects.

    Args:
        path (str): Config of a model, its name in ``configs/``, or a file
            with ``dataset_info``, which says nothing about queries.

    Raises:
        UserError: It cannot be read, or has no complete skeleton.
    """
    cfg = read_config(path)
    head = (cfg.get('model') or {}).get('head') or {}
    dataset = (cfg.get('train_dataloader') or {}).get('dataset') or {}
    metainfo = cfg.get('dataset_info', dataset.get('metainfo'))
    if metainfo is None:
        raise UserError(
            f'{path} has no dataset_info, nor a '
            'train_dataloader.dataset.metainfo.'
        )
    return Expected(
        keypoint_names_of(metainfo, path), head.get('num_queries', NUM_QUERIES)
    )


def names_in_file(content: dict) -> Optional[List[str]]:
    """Return the keypoint names of the first category that has any."""
    for category in content.get('categories', []):
        names = category.get('keypoints')
        if isinstance(names, list) and names:
            return [str(name) for name in names]
    return None


def common_names(content: dict) -> List[str]:
    """Return numbered names for as many keypoints as most annotations have."""
    counts = Counter(
        len(ann['keypoints']) // 3
        for ann in content['annotations']
        if isinstance(ann.get('keypoints'), list)
    )
    most = max(counts, key=counts.get, default=0)
    return numbered_names(most)


def check_dataset(
    ann_file: str,
    images: Optional[str] = None,
    expected: Optional[Expected] = None,
    decode: bool = False,
) -> Tuple[Table, List[Finding]]:
    """Return what is wrong or unusual in a data set.

    Args:
        ann_file (str): Annotation file in COCO's layout.
        images (str, optional): Folder of the images. Defaults to None: they
            are not checked.
        expected (Expected, optional): What the model expects. Defaults to
            the keypoints of the file and 25 queries.
        decode (bool): Also read all pixels, not only the headers of the
            images. Defaults to False.

    Returns:
        tuple: The file as columns, and the findings, wrong ones first.

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
    wrong = [*find_violations(STOPS + WRONG, table, True)]
    unusual = [*find_violations(UNUSUAL, table, False)]
    if images is not None:
        files = FileTable(table, read_files(table, images, decode))
        wrong += find_violations(WRONG_FILES, files, True)
        unusual += find_violations(UNUSUAL_FILES, files, False)
    return table, wrong + unusual
