"""Find the annotation files and image folders of a data set.

It needs the standard library only, so that the tools can check their
arguments before torch loads.
"""

import argparse
import os.path as osp
from glob import escape, glob
from typing import Dict, Iterator, NamedTuple, Optional, Sequence

from ..errors import UserError
from .annotation_files import YOLO, FirstLook, check_format, look

SPLITS = ('train', 'val', 'test')
COCO_LAYOUT = (
    "COCO's layout (annotations/person_keypoints_{train,val}2017.json, "
    'train2017/, val2017/)'
)
LAYOUTS = (
    f"{COCO_LAYOUT}, Roboflow's (train/_annotations.coco.json, valid/) or "
    "CVAT's (annotations/person_keypoints_SUBSET.json, images/SUBSET/)"
)
PREFIX = 'person_keypoints_'
IMAGE_OPTIONS = '--train-ann and --train-images, --val-ann and --val-images'


class Split(NamedTuple):
    """Hold the files of one part of a data set."""

    ann_file: str
    images: str  # folder
    look: FirstLook

    def __str__(self) -> str:
        """Return the files in words."""
        return f'{self.ann_file}, images in {self.images}'


Splits = Dict[str, Split]  # of 'train', 'val' and 'test'


def read_splits(args: argparse.Namespace, needed: Sequence[str]) -> Splits:
    """Return the files that the arguments of a tool name.

    Args:
        args (Namespace): With ``data_root``, ``train_ann``, ``val_ann``,
            ``train_images`` and ``val_images``, each a path or None.
        needed (Sequence[str]): Splits that must be there.

    Returns:
        dict: Files by split. Splits are missing where the config names the
        files: without arguments, and with a data root in COCO's layout.

    Raises:
        UserError: A file or folder is missing or of an unknown layout.
    """
    splits: Splits = {}
    given = {x for x in ('train', 'val') if getattr(args, f'{x}_ann')}
    if args.data_root is not None and not (needed and given >= {*needed}):
        splits = find_splits(
            args.data_root, [name for name in needed if name not in given]
        )
    for name in ('train', 'val'):
        ann_file = getattr(args, f'{name}_ann')
        images = getattr(args, f'{name}_images')
        if ann_file is not None:
            splits[name] = make_split(ann_file, f'--{name}-images', images)
            if name == 'val':
                splits.pop('test', None)
        elif images is not None:
            raise UserError(f'--{name}-images needs --{name}-ann.')
    missing = [name for name in needed if name not in splits]
    if splits and missing and args.data_root is None:
        raise UserError(
            f'--{missing[0]}-ann is missing: {" and ".join(needed)} need a '
            'file each.'
        )
    return splits


def find_splits(data_root: str, needed: Sequence[str]) -> Splits:
    """Return the files of a folder in Roboflow's or CVAT's layout.

    Args:
        data_root (str): The folder.
        needed (Sequence[str]): Splits that must be there.

    Returns:
        dict: Files by split; empty if the folder may be in COCO's layout.

    Raises:
        UserError: The folder is missing or of an unknown layout, or has no
            needed split.
    """
    root = escape(data_root)
    files = {
        osp.basename(osp.dirname(path)): path
        for path in sorted(glob(f'{root}/*/_annotations.coco.json'))
    }
    if not files:
        folders = [osp.join(data_root, f'{x}2017') for x in ('train', 'val')]
        if glob(f'{root}/*.y*ml') and not glob(f'{root}/annotations'):
            check_format(YOLO, data_root)
        check_data_root(data_root, LAYOUTS)
        if not any(map(osp.isdir, folders)):
            files = find_cvat(data_root)
    if not files:
        return {}
    names: Dict[str, str] = {}  # subset by split
    for subset in files:
        for split in SPLITS:
            if subset.lower().startswith(split):
                if split in names:
                    raise UserError(
                        f'--data-root {data_root} has two subsets for '
                        f'{split}: {names[split]} and {subset}. Give '
                        '--train-ann and --val-ann.'
                    )
                names[split] = subset
    missing = [split for split in needed if split not in names]
    if missing == ['val'] == needed and 'test' in names:
        missing = []  # of test.py, which prefers test
    if missing or not names:
        raise UserError(
            f'--data-root {data_root} has annotations for '
            f'{", ".join(files)}, but none for '
            f'{" and ".join(missing or SPLITS[:2])}. '
            'Export it again with a subset each for train and val, or give '
            '--train-ann and --val-ann.'
        )
    return {
        split: make_split(files[subset], IMAGE_OPTIONS)
        for split, subset in names.items()
    }


def coco_splits(data_root: str) -> Splits:
    """Return the files of COCO 2017 in a folder of its layout.

    Raises:
        UserError: They are not there.
    """
    return {
        name: make_split(
            osp.join(data_root, 'annotations', f'{PREFIX}{name}2017.json'),
            IMAGE_OPTIONS,
            osp.join(data_root, f'{name}2017'),
        )
        for name in ('train', 'val')
    }


def find_cvat(data_root: str) -> Dict[str, str]:
    """Return the annotation files of CVAT's layout by subset."""
    if not osp.isdir(osp.join(data_root, 'images')):
        return {}
    pattern = osp.join(escape(data_root), 'annotations', f'{PREFIX}*.json')
    return {
        osp.basename(path)[len(PREFIX) : -len('.json')]: path
        for path in sorted(glob(pattern))
    }


def check_data_root(data_root: str, layouts: str = COCO_LAYOUT) -> None:
    """Raise a UserError if a folder or its ``annotations`` does not exist.

    ``layouts`` says in the message which layouts are allowed.
    """
    if not osp.isdir(osp.join(data_root, 'annotations')):
        fault = 'does not exist'
        if osp.isdir(data_root):
            fault = 'has no folder annotations'
        raise UserError(
            f'--data-root {data_root} {fault}. Give a folder in {layouts}.'
        )


def make_split(
    ann_file: str, option: str, images: Optional[str] = None
) -> Split:
    """Look at an annotation file, and find its images.

    Args:
        ann_file (str): Annotation file in COCO's layout.
        option (str): Option that gives the folder of images, for messages.
        images (str, optional): Folder of the images. Defaults to None: the
            one of :func:`image_folders` that has most of its first images.

    Raises:
        UserError: The file cannot be used, or its images are not there.
    """
    if not osp.isfile(ann_file):
        raise UserError(f'There is no annotation file {ann_file}.')
    seen = look(ann_file)
    folders = list(image_folders(ann_file)) if images is None else [images]
    found = [
        sum(osp.isfile(osp.join(folder, name)) for name in seen.file_names)
        for folder in folders
    ]
    if any(found):
        return Split(ann_file, folders[found.index(max(found))], seen)
    raise UserError(
        f'The first images of {ann_file} ({", ".join(seen.file_names)}) are '
        f'not in {", ".join(folders)}. Give their folder with {option}.'
    )


def image_folders(ann_file: str) -> Iterator[str]:
    """Yield the folders where the images of a file may be, best first."""
    folder = osp.dirname(ann_file) or '.'
    subset = osp.splitext(osp.basename(ann_file))[0]
    if subset.startswith(PREFIX):
        subset = subset[len(PREFIX) :]
    yield folder
    for root in dict.fromkeys((folder, osp.normpath(f'{folder}/..'))):
        yield osp.join(root, 'images', subset)
        yield osp.join(root, 'images')
        yield osp.join(root, subset)
