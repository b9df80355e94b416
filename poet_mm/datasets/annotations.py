"""Reading annotations in COCO's layout, and choosing what can be used."""
import gc
import json
import logging
from collections import defaultdict
from contextlib import contextmanager
from typing import Dict, Iterator, List, Optional, Tuple

from mmengine.fileio import get
from mmengine.logging import print_log

from ..errors import DataFault
from .checks import check_annotation, check_image

Images = Dict[int, dict]
People = Dict[int, List[dict]]


@contextmanager
def collector_paused() -> Iterator[None]:
    """Without the garbage collector, which goes through all the lists that a
    parser makes again and again: 3.1 instead of 5.3 s for 126 MB."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def read_annotations(path: str) -> dict:
    """Contents of an annotation file in COCO's layout.

    Args:
        path (str): File, or what mmengine's file backends take.

    Returns:
        dict: With lists ``images`` and ``annotations`` of dicts, and whatever
        else the file has.

    Raises:
        DataFault: It cannot be read, or is not in that layout; says what it
            is instead.
    """
    try:
        raw = get(path)
    except OSError as error:
        raise DataFault(f'{path!r} cannot be read '
                        f'({error.strerror or error}).') from error
    try:
        with collector_paused():
            content = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise DataFault(
            f'{path!r} ({len(raw):,} bytes) is no JSON: {error}. A file that '
            'was not copied to its end has to be copied again, a compressed '
            'one unpacked.') from error
    if not isinstance(content, dict):
        raise DataFault(
            f'{path!r} holds a {type(content).__name__}, expected a dict with '
            "'images' and 'annotations' (a list is what COCO's results are, "
            'not its annotations).')
    found = ', '.join(sorted(content)) or 'nothing'
    content.setdefault('annotations', [])  # of images without labels
    for key in ('images', 'annotations', 'categories'):
        entries = content.get(key, [] if key == 'categories' else None)
        if not isinstance(entries, list) or not all(
                isinstance(entry, dict) for entry in entries):
            raise DataFault(
                f'{path!r} has no list of dicts under {key!r}; it has '
                f"{found}. Expected a file in COCO's layout.")
    return content


class Tally:
    """What becomes of faults: the first one stops all, or all are counted.

    Args:
        faults (str): ``'raise'`` or ``'skip'``.
    """

    def __init__(self, faults: str) -> None:
        self.faults = faults
        self.found: List[str] = []
        self.left_out = set()  # ids of images

    @contextmanager
    def watch(self, img_id) -> Iterator[None]:
        """Leave the image out if there is a fault, and go on."""
        try:
            yield
        except DataFault as fault:
            if self.faults == 'raise':
                raise
            self.found.append(str(fault))
            # a list, if this is the fault, is the id of no image
            self.left_out.update([img_id] if _hashable(img_id) else [])


def _hashable(value) -> bool:
    return not isinstance(value, (dict, list))


def require_new(what: str, number: int, known) -> None:
    """Raise a DataFault if there was an entry of this id before."""
    if number in known:
        raise DataFault(f'{what} {number} is there twice: every id must be '
                        "one entry's.")


def choose_usable(content: dict, num_keypoints: int, faults: str,
                  path: str) -> Tuple[Images, People]:
    """Images, and those of their annotations that tell a box and joints.

    1. Images, each with an id of its own.
    2. Annotations of these images, each with an id of its own.
    3. Images with a fault, their own or of an annotation, are left out.

    Args:
        content (dict): From :func:`read_annotations`.
        num_keypoints (int): K of the metainfo.
        faults (str): ``'raise'`` or ``'skip'``.
        path (str): Name of the file.

    Returns:
        tuple: Images by id, and lists of annotations by the id of their
        image, both in the order of the file.

    Raises:
        DataFault: The first fault, unless it is to be skipped.
    """
    tally = Tally(faults)
    images: Images = {}
    for image in content['images']:  # 1.
        with tally.watch(image.get('id')):
            check_image(image)
            require_new('Image', image['id'], images)
            images[image['id']] = image

    people: People = defaultdict(list)
    ids, poseless = set(), 0
    for ann in content['annotations']:  # 2.
        img_id = ann.get('image_id')
        if 'bbox' not in ann or 'keypoints' not in ann:
            poseless += 1
            continue
        with tally.watch(img_id):
            image = find_image(ann, images, tally)
            if image is None:
                continue
            check_annotation(ann, image, num_keypoints)
            require_new('Annotation', ann['id'], ids)
            ids.add(ann['id'])
            people[img_id].append(ann)

    for img_id in tally.left_out & set(images):  # 3.
        del images[img_id]
        people.pop(img_id, None)
    report(path, content, tally, poseless)
    return images, people


def find_image(ann: dict, images: Images, tally: Tally) -> Optional[dict]:
    """The image of an annotation, None if that is left out already."""
    img_id = ann.get('image_id')
    if _hashable(img_id) and img_id in images:
        return images[img_id]
    if _hashable(img_id) and img_id in tally.left_out:
        return None
    raise DataFault(f"Annotation {ann.get('id')} is of image {img_id!r}, "
                    f'which is not among the {len(images):,} images of the '
                    'file. Add the image, or remove the annotation.')


def report(path: str, content: dict, tally: Tally, poseless: int) -> None:
    """Say in the log what was left out."""
    if tally.found:
        print_log(
            f'{path!r}: left out {len(tally.left_out):,} of '
            f"{len(content['images']):,} images for {len(tally.found):,} "
            f'faults. {" ".join(tally.found[:3])} tools/check_dataset.py '
            'lists all.',
            logger='current',
            level=logging.WARNING)
    if poseless:
        print_log(
            f"{path!r}: {poseless:,} of {len(content['annotations']):,} "
            'annotations have no bbox or no keypoints and are passed over.',
            logger='current',
            level=logging.WARNING)
