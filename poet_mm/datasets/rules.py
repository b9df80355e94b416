"""Define what is wrong or unusual in an annotation file, once for all.

``BottomupCocoDataset`` raises the first violation of a rule in ``STOPS``;
``tools/check_dataset.py`` prints the violations of all rules.
I: number of images, M: number of annotations, K: number of keypoints.
"""

import re
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Union

import numpy as np

from .columns import (
    Table,
    as_key,
    each,
    first_index,
    is_number,
    numbered_names,
)
from .sides import find_pairs

MAX_SIDE = 2**15 - 2  # cv2 cannot rotate or crop images with a longer side
COCO_KEYPOINTS = 17  # training gives them COCO's names
MAX_LISTED = 1000  # examples that a report file lists
TOLERANCE = 1.0  # pixels; labels are rounded


@dataclass
class Finding:
    """Hold all violations of one rule, and what to do about them."""

    name: str
    wrong: bool
    text: str
    count: int
    total: int
    examples: List[str]  # the first MAX_LISTED
    fix: str


class Rule(NamedTuple):
    """Describe one thing that can be wrong or unusual.

    ``mask`` returns an array that is True where a table violates the rule.
    ``entry`` gives its shape: image (I, ), annotation (M, ), keypoint (M, K),
    name (K, ) or file (1, ).
    """

    entry: str
    name: str  # published in dataset.json
    mask: Callable[[Table], np.ndarray]
    text: str  # follows "N of M "
    fix: str
    # a key of the entry, or a function of the table and the flat index
    value: Union[str, Callable[[Table, int], str]] = ''

    def violations(self, table: Table) -> np.ndarray:
        """Return the mask of the violations."""
        with np.errstate(invalid='ignore', over='ignore'):
            return self.mask(table)

    def describe(self, table: Table, place: int) -> str:
        """Return the name of an entry and the value that is wrong."""
        name, value = NAMES[self.entry](table, place), self.value
        if callable(value):
            value = value(table, place)
        elif value:
            images = self.entry == 'image'
            entries = table.images if images else table.annotations
            value = describe_key(entries[place], value)
        return f'{name}: {value}' if value else name


def find_violations(
    rules: List[Rule], table: Table, wrong: bool
) -> Iterator[Finding]:
    """Yield a finding for each rule that a table violates."""
    for rule in rules:
        mask = rule.violations(table)
        places = np.flatnonzero(mask).tolist()
        if places:
            examples = [rule.describe(table, n) for n in places[:MAX_LISTED]]
            yield Finding(
                rule.name,
                wrong,
                rule.text,
                len(places),
                mask.size,
                examples,
                rule.fix,
            )


def describe_key(entry: dict, key: str) -> str:
    """Return a key and its value in the file."""
    value = repr(entry[key])[:80] if key in entry else 'missing'
    return f'{key} is {value}'


def name_image(table: Table, i: int) -> str:
    """Return the name of an image in a message."""
    image = table.images[i]
    return f'image {image.get("id")!r} ({image.get("file_name")})'


def name_annotation(table: Table, n: int) -> str:
    """Return the name of an annotation in a message."""
    ann, i = table.annotations[n], table.image_of[n]
    image = f'image {ann.get("image_id")!r}'
    if i >= 0:
        image = name_image(table, i)
    return f'annotation {ann.get("id")} of {image}'


def name_keypoint(table: Table, k: int) -> str:
    """Return the name of a keypoint of the skeleton in a message."""
    return f'keypoint {k} ({table.keypoint_names[k]})'


def name_keypoint_of(table: Table, place: int) -> str:
    """Return the name of a keypoint of an annotation in a message."""
    n, k = divmod(place, len(table.keypoint_names))
    return f'{name_annotation(table, n)}, {name_keypoint(table, k)}'


NAMES = dict(
    image=name_image,
    annotation=name_annotation,
    keypoint=name_keypoint_of,
    name=name_keypoint,
    file=lambda table, place: 'the file',
)
image_rule = partial(Rule, 'image')
annotation_rule = partial(Rule, 'annotation')
keypoint_rule = partial(Rule, 'keypoint')
name_rule = partial(Rule, 'name')
file_rule = partial(Rule, 'file')


def describe_xyv(table: Table, place: int) -> str:
    """Return x, y, v of a keypoint in the file."""
    n, k = divmod(place, len(table.keypoint_names))
    text = f'x, y, v is {table.annotations[n]["keypoints"][3 * k : 3 * k + 3]}'
    distance = table.outside[n, k]
    if distance > 0:
        size = ' x '.join(f'{side:g}' for side in table.size_of[n])
        text += f', {distance:,.1f} pixels outside of an image of {size}'
    return text


def describe_count(table: Table, n: int) -> str:
    """Return the number of keypoints that an annotation has."""
    values = table.annotations[n].get('keypoints')
    if not isinstance(values, list) or (
        table.counts[n] < 0 and len(values) % 3 == 0
    ):
        return f'keypoints is {str(values)[:80]}, not a list of numbers'
    return (
        f'{len(values) / 3:.3g} keypoints ({len(values)} numbers), '
        f'{len(table.keypoint_names)} expected'
    )


def not_integer(entries: List[dict], key: str) -> np.ndarray:
    """Return where the value of a key is not an integer."""
    return each(entries, lambda entry: not isinstance(entry.get(key), int))


def repeated(entries: List[dict], key: str) -> np.ndarray:
    """Return where an earlier entry has the same value of a key."""
    first = first_index(entries, key)
    firsts = [first[as_key(entry.get(key))] for entry in entries]
    return np.array(firsts, dtype=int) < np.arange(len(entries))


def has_area(table: Table) -> np.ndarray:
    """Return the annotations (M, ) that have the key ``area``."""
    return each(table.annotations, lambda ann: 'area' in ann)


def has_file_name(image: dict) -> bool:
    """Return whether an image has a file name."""
    name = image.get('file_name')
    return isinstance(name, str) and bool(name)


def has_wrong_size(image: dict) -> bool:
    """Return whether an image has a width or height other than 1 or more."""
    sides = (image.get('width', 1), image.get('height', 1))
    return not all(is_number(side) and side >= 1 for side in sides)


def lacks_size(table: Table, needed: bool) -> np.ndarray:
    """Return the images (I, ) without a valid size.

    ``needed``: only those with poses or with an invalid size; else only the
    others, which have neither poses nor a size.
    """
    with_pose = table.image_of[table.has_pose]
    needs = np.isin(np.arange(len(table.images)), with_pose)
    needs |= each(table.images, has_wrong_size)
    return np.isnan(table.sizes[:, 0]) & (needs == needed)


def far_outside(table: Table) -> np.ndarray:
    """Return keypoints (M, K) far outside of their image.

    They are outside of it by more than its longest side.
    """
    return table.outside > table.size_of.max(axis=1)[:, None]


def many_unlabelled(table: Table) -> np.ndarray:
    """Return people (M, ) without a labelled keypoint.

    None are returned if they are at most half of all people.
    """
    people = table.is_person & table.fits
    unlabelled = people & ~table.labelled.any(axis=1)
    return unlabelled & (2 * unlabelled.sum() > people.sum())


def none_visible(table: Table) -> np.ndarray:
    """Return people (M, ) with labelled keypoints.

    None are returned if any keypoint of the file is visible.
    """
    people = table.is_person & table.labelled.any(axis=1)
    return people & ~(table.v == 2).any()


def near_origin(table: Table) -> np.ndarray:
    """Return the labelled keypoints (M, K).

    None are returned unless all of them are within 2 pixels of (0, 0).
    """
    xy = np.abs(table.keypoints[table.labelled][:, :2])
    return table.labelled & ((xy <= 2).all() and (table.sizes > 16).any())


def unknown_category(table: Table) -> np.ndarray:
    """Return annotations (M, ) of a category that the file does not list."""
    known = first_index(table.categories, 'id')
    return each(
        table.annotations,
        lambda ann: as_key(ann.get('category_id')) not in known,
    )


def rarer_category(table: Table) -> np.ndarray:
    """Return people (M, ) who are not of the most common category."""
    used = [as_key(ann.get('category_id')) for ann in table.annotations]
    counts = Counter(n for n, person in zip(used, table.is_person) if person)
    most = max(counts, key=counts.get, default=None)
    return table.is_person & np.array([n != most for n in used], dtype=bool)


def beyond_image(table: Table) -> np.ndarray:
    """Return annotations (M, ) whose box reaches beyond their image."""
    low = table.bbox[:, :2]
    high = low + table.bbox[:, 2:]
    beyond = (low < -TOLERANCE) | (high > table.size_of + TOLERANCE)
    return (
        table.has_pose & beyond.any(axis=1) & np.isfinite(table.size_of[:, 0])
    )


def normalise(names: Optional[List[str]]) -> List[str]:
    """Return names in lower case, with ``_`` for blanks and hyphens."""
    return [
        re.sub(r'[\s_-]+', '_', name.strip().lower()) for name in names or []
    ]


def renamed(table: Table, reordered: bool) -> np.ndarray:
    """Return the keypoints (K, ) with another name in the file.

    Args:
        table (Table): The annotation file.
        reordered (bool): True for names that are the expected ones in another
            order, False for other names.
    """
    ours, theirs = map(normalise, (table.file_names, table.keypoint_names))
    same_names = sorted(ours) == sorted(theirs)
    if len(ours) != len(theirs) or same_names != reordered:
        return np.zeros(len(theirs), dtype=bool)
    return np.array([a != b for a, b in zip(ours, theirs)], dtype=bool)


def same_names(table: Table) -> np.ndarray:
    """Return the keypoints (K, ) with the name of another in the file."""
    counts = Counter(table.file_names or [])
    names = table.keypoint_names
    return np.array([counts[name] > 1 for name in names], dtype=bool)


def without_names(table: Table) -> np.ndarray:
    """Return whether nothing says what the keypoints are, (1, )."""
    K = len(table.keypoint_names)
    numbered = table.keypoint_names == numbered_names(K)
    unknown = table.file_names is None and numbered
    return np.array([unknown and K not in (0, COCO_KEYPOINTS)])


def without_other_side(table: Table) -> np.ndarray:
    """Return the keypoints (K, ) of a side whose other side is missing."""
    swap, sides = find_pairs(table.keypoint_names)
    return np.array(
        [name in sides and not swap[name] for name in table.keypoint_names],
        dtype=bool,
    )


def name_in_file(table: Table, k: int) -> str:
    """Return the name of a keypoint in the file."""
    return f'{table.file_names[k]} in the file'


METAINFO_FIX = (
    'Take the metainfo of this file (metainfo=dict(from_file=...) '
    'in the config), with the keypoints in its order.'
)
AREA_FIX = 'Set area to that of the mask, or to 0.53 of the box'
BOX_FIX = 'Set bbox to four finite numbers x, y, width, height in pixels'
SIZE_FIX = 'Set width and height to those of the image file, at least 1 pixel.'

# The data set raises these. If an entry violates several, it raises the first.
STOPS = [
    image_rule(
        'image_id_type',
        lambda t: not_integer(t.images, 'id'),
        'images have an id that is not an integer',
        'Set id to an integer, and image_id of the annotations.',
        'id',
    ),
    image_rule(
        'no_file_name',
        lambda t: ~each(t.images, has_file_name),
        'images have no file name',
        'Set file_name to the name of a file.',
        'file_name',
    ),
    image_rule(
        'no_image_size',
        lambda t: lacks_size(t, needed=True),
        'images have no width and height of at least 1',
        SIZE_FIX,
        lambda t, i: ', '.join(
            describe_key(t.images[i], key) for key in ('width', 'height')
        ),
    ),
    image_rule(
        'duplicate_image_ids',
        lambda t: repeated(t.images, 'id'),
        'images have the id of another image',
        'Give each image its own id, and its annotations the same image_id.',
        lambda t, i: 'its id is that of an earlier image',
    ),
    annotation_rule(
        'no_such_image',
        lambda t: t.image_of < 0,
        'annotations are of an image that is not in the file',
        'Add the image, or remove the annotation.',
        lambda t, n: f'not one of the {len(t.images):,} images of the file',
    ),
    annotation_rule(
        'annotation_id_type',
        lambda t: not_integer(t.annotations, 'id'),
        'annotations have an id that is not an integer',
        'Set id to an integer.',
        'id',
    ),
    annotation_rule(
        'category_id_type',
        lambda t: not_integer(t.annotations, 'category_id'),
        'annotations have a category_id that is not an integer',
        'Set category_id to an integer, for people to 1 as in COCO.',
        'category_id',
    ),
    annotation_rule(
        'broken_iscrowd',
        lambda t: np.isnan(t.iscrowd),
        'annotations have an iscrowd other than 0 and 1',
        'Set iscrowd to 1 for a region with many people, else to 0.',
        'iscrowd',
    ),
    annotation_rule(
        'broken_bbox',
        lambda t: t.has_pose & ~np.isfinite(t.bbox).all(axis=1),
        'annotations have a bbox that is not four finite numbers',
        f'{BOX_FIX}.',
        'bbox',
    ),
    annotation_rule(
        'broken_area',
        lambda t: t.has_pose & has_area(t) & ~(t.area >= 0),
        'annotations have an area that is not a number above 0',
        f'{AREA_FIX}: OKS divides by it.',
        'area',
    ),
    annotation_rule(
        'wrong_number_of_joints',
        lambda t: t.has_pose & ~t.fits,
        'annotations have another number of keypoints than the metainfo',
        'Give x, y, v of each keypoint in one list, 0, 0, 0 for a keypoint '
        'without label, or take the metainfo of this skeleton.',
        describe_count,
    ),
    keypoint_rule(
        'broken_joints',
        lambda t: (
            (t.has_pose & t.fits)[:, None]
            & ~np.isfinite(t.keypoints).all(axis=2)
        ),
        'keypoints are not finite numbers',
        'Set x, y, v to finite numbers, or to 0, 0, 0 without a label.',
        describe_xyv,
    ),
    keypoint_rule(
        'broken_visibility',
        lambda t: np.isfinite(t.v) & ~np.isin(t.v, (0, 1, 2)),
        'keypoints have a v other than 0, 1 and 2',
        'Set v to 0 (not labelled), 1 (hidden) or 2 (visible).',
        describe_xyv,
    ),
    keypoint_rule(
        'joints_far_outside',
        far_outside,
        'keypoints lie outside of their image by more than its longest side',
        'Correct them, or set them to 0, 0, 0 if they are not seen.',
        describe_xyv,
    ),
    annotation_rule(
        'duplicate_annotation_ids',
        lambda t: repeated(t.annotations, 'id'),
        'annotations have the id of another annotation',
        "Give each annotation its own id: COCO's tools keep only one of them.",
        lambda t, n: 'its id is that of an earlier annotation',
    ),
]
# Training would learn something wrong, or evaluation would measure it.
WRONG = [
    file_rule(
        'no_people',
        lambda t: np.array([not (t.has_pose | t.labelled.any(axis=1)).any()]),
        'files have no annotation with a bbox and keypoints',
        'Take a file of poses, such as person_keypoints_*.json; '
        'instances_*.json and captions_*.json are of other tasks.',
    ),
    annotation_rule(
        'no_bbox',
        lambda t: ~t.has_pose & t.labelled.any(axis=1),
        'annotations have keypoints, but no bbox',
        'Add bbox = x, y, width, height around the person: people without one '
        'are learned as no object.',
    ),
    file_rule(
        'skeleton',
        lambda t: np.array(
            [
                t.file_names is not None
                and len(t.file_names) != len(t.keypoint_names)
            ]
        ),
        'files have another number of keypoints than the metainfo',
        METAINFO_FIX,
        lambda t, _: (
            f'{len(t.file_names)} keypoints, '
            f'{len(t.keypoint_names)} in the metainfo'
        ),
    ),
    file_rule(
        'unknown_joints',
        without_names,
        "files do not name their keypoints, and do not have COCO's 17",
        'Name all keypoints in categories, or give --metainfo; without it '
        'training refuses the file.',
    ),
    name_rule(
        'skeleton',
        lambda t: renamed(t, True),
        'keypoints come in another order than in the metainfo',
        METAINFO_FIX,
        name_in_file,
    ),
    name_rule(
        'duplicate_joint_names',
        same_names,
        'keypoints have the name of another keypoint',
        'Give each another name in categories.',
    ),
    image_rule(
        'no_image_size',
        lambda t: lacks_size(t, needed=False),
        'images without people have no width and height',
        SIZE_FIX,
    ),
    annotation_rule(
        'no_such_category',
        unknown_category,
        'annotations are of a category that is not in the file',
        'Add it to categories, which evaluation uses, or correct the id.',
        'category_id',
    ),
    annotation_rule(
        'empty_bbox',
        lambda t: t.has_pose & (t.bbox[:, 2:] <= 0).any(axis=1),
        'annotations have a bbox without extent',
        f'{BOX_FIX}, around the keypoints.',
        'bbox',
    ),
    annotation_rule(
        'broken_area',
        lambda t: t.has_pose & (t.area == 0),
        'annotations have an area of 0',
        f'{AREA_FIX}: OKS divides by it.',
        'area',
    ),
    annotation_rule(
        'lying_num_keypoints',
        lambda t: (
            t.has_pose
            & t.fits
            & np.isfinite(t.num_keypoints)
            & (t.num_keypoints != t.labelled.sum(axis=1))
        ),
        'annotations have a num_keypoints that is not the number of v > 0',
        'Set it to that number: other tools use it, poet_mm counts v > 0.',
        lambda t, n: (
            f'num_keypoints is {t.annotations[n]["num_keypoints"]}, '
            f'{t.labelled[n].sum()} have v > 0'
        ),
    ),
    annotation_rule(
        'nothing_visible',
        none_visible,
        'annotations have labelled keypoints, but none of the file has v = 2',
        "Use POETCodec(supervise='labelled'), or set v to 2 for visible "
        'keypoints: by default POET learns only these.',
    ),
    keypoint_rule(
        'normalised_joints',
        near_origin,
        'keypoints lie within 2 pixels of (0, 0), as all labelled ones do',
        'Keypoints are expected in pixels: multiply by width and height.',
        describe_xyv,
    ),
]
# A person should look at these.
UNUSUAL = [
    file_rule(
        'no_joint_names',
        lambda t: np.array([t.file_names is None]),
        'files do not name their keypoints',
        'Draw the keypoints on some images, to see whether their order is '
        'that of the metainfo.',
    ),
    name_rule(
        'skeleton',
        lambda t: renamed(t, False),
        'keypoints have another name than in the metainfo',
        METAINFO_FIX,
        name_in_file,
    ),
    name_rule(
        'one_sided_joints',
        without_other_side,
        'keypoints are left or right, without the other side',
        'Correct the names, or set swap in the metainfo file: without it a '
        'flip of the image leaves them on their side.',
    ),
    image_rule(
        'duplicate_file_names',
        lambda t: repeated(t.images, 'file_name'),
        'images have the file of another image',
        'Keep one entry per file, with all its annotations: people missing '
        'from an entry are learned as no object.',
    ),
    annotation_rule(
        'no_pose',
        lambda t: ~t.has_pose & t.has_pose.any() & ~t.labelled.any(axis=1),
        'annotations have no bbox or no keypoints',
        'They are not used. Is this the file of another task?',
    ),
    annotation_rule(
        'several_categories',
        rarer_category,
        'annotations with keypoints are of another category than most',
        'POET has one class for all. Remove those that it should not learn.',
        'category_id',
    ),
    annotation_rule(
        'bbox_beyond_image',
        beyond_image,
        'annotations have a bbox that reaches beyond its image',
        'It is clipped to the image. Check that it is x, y, width, height, '
        'not x1, y1, x2, y2.',
        'bbox',
    ),
    annotation_rule(
        'no_area',
        lambda t: t.has_pose & ~has_area(t),
        'annotations have no area',
        f'{AREA_FIX}, as training does, or evaluate with use_area=False.',
    ),
    annotation_rule(
        'area_above_box',
        lambda t: (
            t.has_pose
            & (t.area > 1.01 * t.bbox[:, 2:].prod(axis=1) + TOLERANCE)
        ),
        'annotations have an area larger than that of their bbox',
        'Correct area or bbox. Were the images resized, but not the areas?',
        'area',
    ),
    annotation_rule(
        'no_num_keypoints',
        lambda t: t.has_pose & np.isnan(t.num_keypoints),
        'annotations have no num_keypoints',
        "Set it to the number of keypoints with v > 0 for COCO's own tools.",
    ),
    annotation_rule(
        'unlabelled_people',
        many_unlabelled,
        'annotations are people without a labelled keypoint',
        'POET learns them as people without keypoints. Are they wanted?',
    ),
    name_rule(
        'joints_never_labelled',
        lambda t: ~t.labelled.any(axis=0) & t.labelled.any(),
        'keypoints are never labelled',
        'They will not be learned. Is this the right skeleton?',
    ),
    keypoint_rule(
        'joints_outside',
        lambda t: (t.outside > TOLERANCE) & ~far_outside(t),
        f'keypoints lie more than {TOLERANCE:g} pixel outside of their image',
        'They are evaluated, but not supervised. Set them to 0, 0, 0, or '
        'correct them. Are they of images of another size?',
        describe_xyv,
    ),
    keypoint_rule(
        'joints_at_origin',
        lambda t: t.labelled & (t.keypoints[..., :2] == 0).all(axis=2),
        'labelled keypoints are at (0, 0)',
        'Set v to 0 if this means that there is no label.',
    ),
    image_rule(
        'more_people_than_queries',
        lambda t: t.people_of_image > t.num_queries,
        'images have more people than the model has queries',
        'Raise model.head.num_queries, or accept that POET misses the rest.',
        lambda t, i: f'{t.people_of_image[i]} people, {t.num_queries} queries',
    ),
]


def first_faults(table: Table, *entries: str) -> Dict[int, str]:
    """Return the first fault that stops the data set, by entry.

    Args:
        table (Table): The annotation file.
        *entries (str): ``'image'``, or ``'annotation'`` and ``'keypoint'``.

    Returns:
        dict: Index of each image or annotation with a fault, in the order of
        the file -> the fault and what to do.
    """
    found = {}
    for rule in STOPS:
        if rule.entry in entries:
            K = len(table.keypoint_names) if rule.entry == 'keypoint' else 1
            for place in np.flatnonzero(rule.violations(table)).tolist():
                found.setdefault(place // K, (rule, place))
    faults = {}
    for n, (rule, place) in sorted(found.items()):
        text = rule.describe(table, place)
        faults[n] = f'{text[0].upper()}{text[1:]}. {rule.fix}'
    return faults
