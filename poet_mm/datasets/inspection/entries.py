"""Checks of ids, and of what belongs to what."""
from collections import Counter
from typing import Iterator

import numpy as np

from .columns import Table, as_key
from .finding import Finding, find, repeated


def check_entries(table: Table) -> Iterator[Finding]:
    """Ids, file names, sizes told, images and categories of annotations."""
    yield from check_image_entries(table)
    yield from check_annotation_ids(table)
    yield from check_poses(table)
    yield from check_categories(table)


def check_image_entries(table: Table) -> Iterator[Finding]:
    """Images: ids, names and sizes, as the file tells them."""
    ids = [image.get('id') for image in table.images]
    names = [image.get('file_name') for image in table.images]
    yield from find(
        'image_id_type', True, 'images have an id that is no integer',
        np.array([not isinstance(n, int) for n in ids], dtype=bool),
        table.image, 'Number the images, and image_id of the annotations.')
    yield from find(
        'duplicate_image_ids', True, 'images have the id of another one',
        repeated(list(map(as_key, ids))), table.image,
        'Give each image an id of its own, and its annotations that '
        'image_id; which image an annotation belongs to cannot be told now.')
    yield from find(
        'no_file_name', True, 'images have no file name',
        np.array([not isinstance(n, str) or not n for n in names],
                 dtype=bool), table.image, 'Set file_name.')
    yield from find(
        'duplicate_file_names', False, 'images have the file of another one',
        repeated(list(map(as_key, names))), table.image,
        'Keep one entry per file, with all of its annotations: an image with '
        'half of its people teaches that the others are nobody.')
    yield from find(
        'no_image_size', True, 'images tell no width and height of at least 1',
        ~(table.sizes >= 1).all(axis=1), table.image,
        'Set width and height to those of the file, in pixels.')


def check_annotation_ids(table: Table) -> Iterator[Finding]:
    """Annotations: ids, and whether their image is there."""
    ids = [ann.get('id') for ann in table.annotations]
    yield from find(
        'annotation_id_type', True,
        'annotations have an id that is no integer',
        np.array([not isinstance(n, int) for n in ids], dtype=bool),
        table.person, 'Number the annotations.')
    yield from find(
        'duplicate_annotation_ids', True,
        'annotations have the id of another one',
        repeated(list(map(as_key, ids))), table.person,
        'Give each annotation an id of its own, as after merging two files; '
        "COCO's tools keep one of those with the same id.")
    yield from find(
        'no_such_image', True, 'annotations are of an image that is not in '
        'the file', table.image_of < 0, table.person,
        'Add the image, or remove these annotations.')


def check_poses(table: Table) -> Iterator[Finding]:
    """There are people to learn from."""
    if not table.has_pose.any():
        yield Finding(
            'nobody', True, 'annotations have a bbox and keypoints', 0,
            len(table.annotations), [],
            'Training needs people. Take a file of poses, such as '
            'person_keypoints_*.json; instances_*.json and captions_*.json '
            'are those of other tasks.')
        return
    yield from find(
        'no_pose', False, 'annotations have no bbox or no keypoints',
        ~table.has_pose, table.person,
        'They are passed over. If they should be people, this is the file of '
        'another task (instances_*.json?).')


def check_categories(table: Table) -> Iterator[Finding]:
    """Categories of the annotations against those of the file."""
    known = {as_key(category.get('id')) for category in table.categories}
    used = [ann.get('category_id') for ann in table.annotations]
    yield from find(
        'category_id_type', True,
        'annotations have a category_id that is no integer',
        np.array([not isinstance(n, int) for n in used], dtype=bool),
        table.person, "Set category_id, for people to 1 as in COCO.")
    yield from find(
        'no_such_category', True, 'annotations are of a category that is not '
        'in the file', np.array([as_key(n) not in known for n in used],
                                dtype=bool), table.person,
        'Add it to categories, or correct category_id: evaluation knows only '
        'the categories of the file.')
    counts = Counter(
        as_key(n) for n, is_person in zip(used, table.is_person) if is_person)
    if len(counts) > 1:
        most = counts.most_common()
        yield Finding(
            'several_categories', False,
            'annotations with joints are of another category than most',
            sum(count for _, count in most[1:]),
            int(table.is_person.sum()),
            [f'category {n}: {count:,}' for n, count in most],
            'All are one class to POET. Remove those that are not meant.')
