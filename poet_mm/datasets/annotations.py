"""Read annotations in COCO's layout, and choose those that can be used."""

import logging
from collections import defaultdict
from typing import Dict, List, Tuple

import numpy as np
from mmengine.fileio import get
from mmengine.logging import print_log

from ..errors import DataFault
from ..utils.annotation_files import parse_annotations
from .columns import Table, as_key, each, has_pose
from .rules import first_faults

Images = Dict[int, dict]
People = Dict[int, List[dict]]


def read_annotations(path: str) -> dict:
    """Return the contents of an annotation file in COCO's layout.

    Args:
        path (str): A file, or a URI of mmengine's file backends.

    Returns:
        dict: All of the file, with ``images`` and ``annotations`` as lists of
        dicts.

    Raises:
        DataFault: The file cannot be read, or has another layout.
    """
    try:
        raw = get(path)
    except OSError as error:
        raise DataFault(
            f'{path!r} cannot be read ({error.strerror or error}).'
        ) from error
    return parse_annotations(raw, path)


def choose_usable(
    content: dict, metainfo: dict, faults: str, path: str
) -> Tuple[Images, People]:
    """Return the images and annotations that the data set can use.

    1. Take the annotations with a box and keypoints.
    2. Raise the first fault, of images before annotations, or
    3. leave out the images that have a fault or an annotation with one.

    Log a warning about what is left out, and about keypoints that lie outside
    of their image.

    Args:
        content (dict): From :func:`read_annotations`.
        metainfo (dict): Parsed metainfo of the data set.
        faults (str): ``'raise'`` or ``'skip'``.
        path (str): Name of the file.

    Returns:
        tuple: Images by id, and lists of annotations by the id of their
        image, both in the order of the file.

    Raises:
        DataFault: The first fault, unless faults are skipped.
    """
    annotations = list(filter(has_pose, content['annotations']))  # 1.
    names = metainfo['keypoint_id2name']
    table = Table(
        dict(content, annotations=annotations),
        [names[k] for k in sorted(names)],
    )
    images = table.images
    image_faults = first_faults(table, 'image')  # 2.
    left_out = {as_key(images[i].get('id')) for i in image_faults}
    people_faults = {
        n: fault
        for n, fault in first_faults(table, 'annotation', 'keypoint').items()
        if as_key(annotations[n].get('image_id')) not in left_out
    }
    found = [*image_faults.values(), *people_faults.values()]
    if found and faults == 'raise':
        raise DataFault(found[0])
    left_out |= {  # 3.
        as_key(annotations[n].get('image_id')) for n in people_faults
    }
    usable: Images = {
        image['id']: image
        for image in images
        if as_key(image.get('id')) not in left_out
    }
    used = each(annotations, lambda ann: as_key(ann.get('image_id')) in usable)
    people: People = defaultdict(list)
    for n in np.flatnonzero(used):
        people[annotations[n]['image_id']].append(annotations[n])
    if found:
        warn(
            f'{path!r}: left out {len(images) - len(usable):,} of '
            f'{len(images):,} images for {len(found):,} faults. '
            f'{" ".join(found[:3])} tools/check_dataset.py lists all.'
        )
    total = len(content['annotations'])
    if len(annotations) < total:
        warn(
            f'{path!r}: {total - len(annotations):,} of {total:,} annotations '
            'have no bbox or no keypoints and are not used.'
        )
    outside = table.outside[used]
    if outside.any():
        warn(
            f'{path!r}: {np.count_nonzero(outside):,} of '
            f'{table.labelled[used].sum():,} labelled keypoints lie outside '
            f'of their image, up to {outside.max():.1f} pixels. In training '
            'they are not supervised.'
        )
    return usable, people


def warn(text: str) -> None:
    """Log a warning."""
    print_log(text, logger='current', level=logging.WARNING)
