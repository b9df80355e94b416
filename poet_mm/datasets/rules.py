"""Define what is wrong or unusual in an annotation file, once for all.

``BottomupCocoDataset`` raises the first violation of a rule that stops it;
``tools/check_dataset.py`` prints the violations of all rules.
I: number of images, M: number of annotations, K: number of keypoints.
"""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Union

import numpy as np

from .columns import Table, as_key, is_number

MAX_SIDE = 2**15 - 2  # cv2 cannot rotate or crop images with a longer side
MAX_LISTED = 1000  # examples that a report file lists
TOLERANCE = 1.0  # pixels; labels are rounded
# The data set raises it; training would learn something wrong; worth a look.
STOPS, WRONG, UNUSUAL = 'stops', 'wrong', 'unusual'


@dataclass
class Finding:
    """Say what was found, how often, where, and what to do."""

    name: str
    wrong: bool
    text: str
    count: int
    total: int
    examples: List[str]  # the first MAX_LISTED
    fix: str


class Rule(NamedTuple):
    """Describe one thing that can be wrong or unusual.

    ``mask`` is True where a table violates the rule. Its shape goes with
    ``entry``: image (I, ), annotation (M, ), keypoint (M, K), name (K, ) or
    file (1, ).
    """

    name: str  # published in dataset.json
    severity: str
    entry: str
    mask: Callable[[Table], np.ndarray]
    text: str  # goes on after "N of M "
    fix: str
    # the key that is to blame, or a function of the table and the index
    value: Union[str, Callable[[Table, int], str]] = ''

    def places(self, table: Table) -> np.ndarray:
        """Return the flat indices of the violations."""
        with np.errstate(invalid='ignore', over='ignore'):
            return np.flatnonzero(self.mask(table))

    def tell(self, table: Table, place: int) -> str:
        """Return the name of an entry and the value it has."""
        value = self.value
        if callable(value):
            value = value(table, place)
        elif value:
            value = tell_key(
                (table.images if self.entry == 'image' else table.annotations)[
                    place
                ],
                value,
            )
        name = NAMES[self.entry](table, place)
        return f'{name}: {value}' if value else name

    def check(self, table: Table) -> Iterator[Finding]:
        """Yield a finding of all violations, if there are any."""
        with np.errstate(invalid='ignore', over='ignore'):
            mask = self.mask(table)
        places = np.flatnonzero(mask)
        if len(places):
            yield Finding(
                self.name,
                self.severity != UNUSUAL,
                self.text,
                len(places),
                mask.size,
                [self.tell(table, int(n)) for n in places[:MAX_LISTED]],
                self.fix,
            )


def tell_key(entry: dict, key: str) -> str:
    """Return a key and its value, as they are in the file."""
    return f'{key} is ' + (
        repr(entry[key])[:80] if key in entry else 'missing'
    )


def name_image(table: Table, i: int) -> str:
    """Return the name of an image in a message."""
    image = table.images[i]
    return f'image {image.get("id")!r} ({image.get("file_name")})'


def name_annotation(table: Table, n: int) -> str:
    """Return the name of an annotation in a message."""
    ann, i = table.annotations[n], table.image_of[n]
    image = (
        name_image(table, i) if i >= 0 else f'image {ann.get("image_id")!r}'
    )
    return f'annotation {ann.get("id")} of {image}'


def name_keypoint(table: Table, k: int) -> str:
    """Return the name of a keypoint in a message."""
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


def xyv(table: Table, place: int) -> str:
    """Return x, y, v of a keypoint, as they are in the file."""
    n, k = divmod(place, len(table.keypoint_names))
    values = table.annotations[n]['keypoints'][3 * k : 3 * k + 3]
    distance = table.outside[n, k]
    size = ' x '.join(f'{side:g}' for side in table.size_of[n])
    return f'x, y, v is {values}' + (
        f', {distance:,.1f} pixels outside of an image of {size}'
        if distance > 0
        else ''
    )


def keypoint_count(table: Table, n: int) -> str:
    """Return how many keypoints an annotation has."""
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
    return np.array(
        [not isinstance(entry.get(key), int) for entry in entries], dtype=bool
    )


def repeated(entries: List[dict], key: str) -> np.ndarray:
    """Return where an earlier entry has the same value of a key."""
    seen, again = set(), np.zeros(len(entries), dtype=bool)
    for n, entry in enumerate(entries):
        value = as_key(entry.get(key))
        again[n] = value in seen
        seen.add(value)
    return again


def told(entries: List[dict], key: str) -> np.ndarray:
    """Return where entries have a key."""
    return np.array([key in entry for entry in entries], dtype=bool)


def size_needed(table: Table) -> np.ndarray:
    """Return the images (I, ) that tell a broken size, or have poses, which
    need one.
    """
    poses = np.bincount(
        table.image_of[table.has_pose] + 1, minlength=len(table.images) + 1
    )[1:]
    return (poses > 0) | np.array(
        [
            not all(
                is_number(image.get(key, 1)) and image.get(key, 1) >= 1
                for key in ('width', 'height')
            )
            for image in table.images
        ],
        dtype=bool,
    )


def far_outside(table: Table) -> np.ndarray:
    """Return the keypoints (M, K) farther outside of their image than its
    longer side.
    """
    return table.outside > table.size_of.max(axis=1)[:, None]


def many_unlabelled(table: Table) -> np.ndarray:
    """Return people (M, ) without a labelled keypoint if they are more than
    half of all.
    """
    people = table.is_person & table.fits
    unlabelled = people & ~table.labelled.any(axis=1)
    return unlabelled & (2 * unlabelled.sum() > people.sum())


def none_visible(table: Table) -> np.ndarray:
    """Return people (M, ) with labelled keypoints if no keypoint of the file
    is visible.
    """
    people = table.is_person & table.labelled.any(axis=1)
    return people & ~(table.keypoints[..., 2] == 2).any()


def near_origin(table: Table) -> np.ndarray:
    """Return labelled keypoints (M, K) if all of them are within 2 pixels of
    (0, 0).
    """
    xy = np.abs(table.keypoints[table.labelled][:, :2])
    return table.labelled & ((xy <= 2).all() and (table.sizes > 16).any())


def unknown_category(table: Table) -> np.ndarray:
    """Return annotations (M, ) of a category that the file does not list."""
    known = {as_key(category.get('id')) for category in table.categories}
    return np.array(
        [
            as_key(ann.get('category_id')) not in known
            for ann in table.annotations
        ],
        dtype=bool,
    )


def rarer_category(table: Table) -> np.ndarray:
    """Return people (M, ) who are not of the most common category."""
    used = [as_key(ann.get('category_id')) for ann in table.annotations]
    counts = Counter(n for n, person in zip(used, table.is_person) if person)
    most = max(counts, key=counts.get, default=None)
    return table.is_person & np.array([n != most for n in used], dtype=bool)


def plain(names: Optional[List[str]]) -> List[str]:
    """Return names without capitals, blanks and hyphens."""
    return [
        re.sub(r'[\s_-]+', '_', name.strip().lower()) for name in names or []
    ]


def renamed(table: Table, reordered: bool) -> np.ndarray:
    """Return the keypoints (K, ) with another name in the file, if the names
    are (not) the expected ones in another order.
    """
    ours, theirs = plain(table.file_names), plain(table.keypoint_names)
    if (
        len(ours) != len(theirs)
        or (sorted(ours) == sorted(theirs)) != reordered
    ):
        return np.zeros(len(theirs), dtype=bool)
    return np.array([a != b for a, b in zip(ours, theirs)], dtype=bool)


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

# Of an image or annotation with several faults, the first one is raised.
RULES = [
    Rule(
        'image_id_type',
        STOPS,
        'image',
        lambda t: not_integer(t.images, 'id'),
        'images have an id that is not an integer',
        'Set id to an integer, and image_id of the annotations.',
        'id',
    ),
    Rule(
        'no_file_name',
        STOPS,
        'image',
        lambda t: np.array(
            [
                not image.get('file_name')
                or not isinstance(image['file_name'], str)
                for image in t.images
            ],
            dtype=bool,
        ),
        'images have no file name',
        'Set file_name to the name of a file.',
        'file_name',
    ),
    Rule(
        'no_image_size',
        STOPS,
        'image',
        lambda t: np.isnan(t.sizes[:, 0]) & size_needed(t),
        'images tell no width and height of at least 1',
        SIZE_FIX,
        lambda t, i: ', '.join(
            tell_key(t.images[i], key) for key in ('width', 'height')
        ),
    ),
    Rule(
        'duplicate_image_ids',
        STOPS,
        'image',
        lambda t: repeated(t.images, 'id'),
        'images have the id of another image',
        'Give each image its own id, and its annotations that image_id.',
        lambda t, i: 'its id is that of an earlier image',
    ),
    Rule(
        'no_such_image',
        STOPS,
        'annotation',
        lambda t: t.image_of < 0,
        'annotations are of an image that is not in the file',
        'Add the image, or remove the annotation.',
        lambda t, n: f'not one of the {len(t.images):,} images of the file',
    ),
    Rule(
        'annotation_id_type',
        STOPS,
        'annotation',
        lambda t: not_integer(t.annotations, 'id'),
        'annotations have an id that is not an integer',
        'Set id to an integer.',
        'id',
    ),
    Rule(
        'category_id_type',
        STOPS,
        'annotation',
        lambda t: not_integer(t.annotations, 'category_id'),
        'annotations have a category_id that is not an integer',
        'Set category_id to an integer, for people to 1 as in COCO.',
        'category_id',
    ),
    Rule(
        'broken_iscrowd',
        STOPS,
        'annotation',
        lambda t: np.isnan(t.iscrowd),
        'annotations have an iscrowd other than 0 and 1',
        'Set iscrowd to 1 for a region with many people, else to 0.',
        'iscrowd',
    ),
    Rule(
        'broken_bbox',
        STOPS,
        'annotation',
        lambda t: t.has_pose & ~np.isfinite(t.bbox).all(axis=1),
        'annotations have a bbox that is not four finite numbers',
        f'{BOX_FIX}.',
        'bbox',
    ),
    Rule(
        'broken_area',
        STOPS,
        'annotation',
        lambda t: t.has_pose & told(t.annotations, 'area') & ~(t.area >= 0),
        'annotations have an area that is not a number above 0',
        f'{AREA_FIX}: OKS divides by it.',
        'area',
    ),
    Rule(
        'wrong_number_of_joints',
        STOPS,
        'annotation',
        lambda t: t.has_pose & ~t.fits,
        'annotations have another number of keypoints than the metainfo',
        'Give x, y, v of each keypoint in one list, 0, 0, 0 for a keypoint '
        'without label, or take the metainfo of this skeleton.',
        keypoint_count,
    ),
    Rule(
        'broken_joints',
        STOPS,
        'keypoint',
        lambda t: (
            (t.has_pose & t.fits)[:, None]
            & ~np.isfinite(t.keypoints).all(axis=2)
        ),
        'keypoints are not finite numbers',
        'Set x, y, v to finite numbers, to 0, 0, 0 without label.',
        xyv,
    ),
    Rule(
        'broken_visibility',
        STOPS,
        'keypoint',
        lambda t: (
            np.isfinite(t.keypoints[..., 2])
            & ~np.isin(t.keypoints[..., 2], (0, 1, 2))
        ),
        'keypoints have a v other than 0, 1 and 2',
        'Set v to 0 (not labelled), 1 (hidden) or 2 (visible).',
        xyv,
    ),
    Rule(
        'joints_far_outside',
        STOPS,
        'keypoint',
        far_outside,
        'keypoints lie farther outside of their image than it is long',
        'Correct them, or set them to 0, 0, 0 if they are not seen.',
        xyv,
    ),
    Rule(
        'duplicate_annotation_ids',
        STOPS,
        'annotation',
        lambda t: repeated(t.annotations, 'id'),
        'annotations have the id of another annotation',
        "Give each annotation its own id: COCO's tools keep one of those "
        'with the same id.',
        lambda t, n: 'its id is that of an earlier annotation',
    ),
    Rule(
        'nobody',
        WRONG,
        'file',
        lambda t: np.array([not t.has_pose.any()]),
        'files have no annotation with a bbox and keypoints',
        'Take a file of poses, such as person_keypoints_*.json; '
        'instances_*.json and captions_*.json are of other tasks.',
    ),
    Rule(
        'skeleton',
        WRONG,
        'file',
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
    Rule(
        'skeleton',
        WRONG,
        'name',
        lambda t: renamed(t, True),
        'keypoints come in another order than in the metainfo',
        METAINFO_FIX,
        name_in_file,
    ),
    Rule(
        'no_image_size',
        WRONG,
        'image',
        lambda t: np.isnan(t.sizes[:, 0]) & ~size_needed(t),
        'images without people tell no width and height',
        SIZE_FIX,
    ),
    Rule(
        'no_such_category',
        WRONG,
        'annotation',
        unknown_category,
        'annotations are of a category that is not in the file',
        'Add it to categories, or correct category_id: evaluation knows '
        'only the categories of the file.',
        'category_id',
    ),
    Rule(
        'empty_bbox',
        WRONG,
        'annotation',
        lambda t: t.has_pose & (t.bbox[:, 2:] <= 0).any(axis=1),
        'annotations have a bbox without extent',
        f'{BOX_FIX}, around the keypoints.',
        'bbox',
    ),
    Rule(
        'broken_area',
        WRONG,
        'annotation',
        lambda t: t.has_pose & (t.area == 0),
        'annotations have an area of 0',
        f'{AREA_FIX}: OKS divides by it.',
        'area',
    ),
    Rule(
        'lying_num_keypoints',
        WRONG,
        'annotation',
        lambda t: (
            t.has_pose
            & t.fits
            & np.isfinite(t.num_keypoints)
            & (t.num_keypoints != t.labelled.sum(axis=1))
        ),
        'annotations have a num_keypoints other than the number of '
        'keypoints with v > 0',
        'Count them again: other tools believe '
        'num_keypoints, poet_mm counts v > 0.',
        lambda t, n: (
            f'num_keypoints is {t.annotations[n]["num_keypoints"]}, '
            f'{t.labelled[n].sum()} have v > 0'
        ),
    ),
    Rule(
        'nothing_visible',
        WRONG,
        'annotation',
        none_visible,
        'annotations have hidden keypoints (v = 1) where none of the file '
        'is visible (v = 2)',
        "Take POETCodec(supervise='labelled'), or set "
        'v to 2 where keypoints are seen: POET learns visible ones by '
        'default.',
    ),
    Rule(
        'normalised_joints',
        WRONG,
        'keypoint',
        near_origin,
        'keypoints, all that are labelled, lie within 2 pixels of (0, 0)',
        'Keypoints are expected in pixels: multiply by width and height.',
        xyv,
    ),
    Rule(
        'no_joint_names',
        UNUSUAL,
        'file',
        lambda t: np.array([t.file_names is None]),
        'files do not name their keypoints',
        'Look at some images with '
        'their keypoints drawn: nothing says that they come in the order '
        'of the metainfo.',
    ),
    Rule(
        'skeleton',
        UNUSUAL,
        'name',
        lambda t: renamed(t, False),
        'keypoints have another name than in the metainfo',
        METAINFO_FIX,
        name_in_file,
    ),
    Rule(
        'duplicate_file_names',
        UNUSUAL,
        'image',
        lambda t: repeated(t.images, 'file_name'),
        'images have the file of another image',
        'Keep one entry per file, with all of its annotations: an image '
        'with half of its people teaches that the others are no object.',
    ),
    Rule(
        'no_pose',
        UNUSUAL,
        'annotation',
        lambda t: ~t.has_pose & t.has_pose.any(),
        'annotations have no bbox or no keypoints',
        'They are not used. '
        'If they should be people, this is the file of another task.',
    ),
    Rule(
        'several_categories',
        UNUSUAL,
        'annotation',
        rarer_category,
        'annotations with keypoints are of another category than most',
        'All are one class to POET. Remove those that are not meant.',
        'category_id',
    ),
    Rule(
        'bbox_beyond_image',
        UNUSUAL,
        'annotation',
        lambda t: (
            t.has_pose
            & (
                (t.bbox[:, :2] < -TOLERANCE)
                | (t.bbox[:, :2] + t.bbox[:, 2:] > t.size_of + TOLERANCE)
            ).any(axis=1)
            & (t.size_of[:, 0] >= 1)
        ),
        'annotations have a bbox that reaches beyond its image',
        'It is cut. If there are many, bbox may hold x1, y1, x2, y2 instead '
        'of x, y, width, height.',
        'bbox',
    ),
    Rule(
        'no_area',
        UNUSUAL,
        'annotation',
        lambda t: t.has_pose & ~told(t.annotations, 'area'),
        'annotations have no area',
        f'{AREA_FIX}, which training takes; '
        'evaluation needs use_area=False then.',
    ),
    Rule(
        'area_above_box',
        UNUSUAL,
        'annotation',
        lambda t: (
            t.has_pose
            & (t.area > 1.01 * t.bbox[:, 2:].prod(axis=1) + TOLERANCE)
        ),
        'annotations have an area larger than that of their bbox',
        'Correct area or bbox: the mask lies in the box. Were images resized '
        'and areas left?',
        'area',
    ),
    Rule(
        'no_num_keypoints',
        UNUSUAL,
        'annotation',
        lambda t: t.has_pose & np.isnan(t.num_keypoints),
        'annotations have no num_keypoints',
        'Set it to the number of '
        "keypoints with v > 0; COCO's own tools need it.",
    ),
    Rule(
        'unlabelled_people',
        UNUSUAL,
        'annotation',
        many_unlabelled,
        'annotations are people without a labelled keypoint',
        'They count '
        'as people whose keypoints are not learned. Are they wanted?',
    ),
    Rule(
        'joints_never_labelled',
        UNUSUAL,
        'name',
        lambda t: ~t.labelled.any(axis=0) & t.labelled.any(),
        'keypoints are never labelled',
        'Nothing will be learned of them. Is this the right skeleton?',
    ),
    Rule(
        'joints_outside',
        UNUSUAL,
        'keypoint',
        lambda t: (t.outside > TOLERANCE) & ~far_outside(t),
        f'keypoints lie more than {TOLERANCE:g} pixel outside of their image',
        'They are evaluated, but not supervised. Set them to 0, 0, 0, or '
        'correct them. Are they of images of another size?',
        xyv,
    ),
    Rule(
        'joints_at_origin',
        UNUSUAL,
        'keypoint',
        lambda t: t.labelled & (t.keypoints[..., :2] == 0).all(axis=2),
        'labelled keypoints are at (0, 0)',
        'Set v to 0 if this means that there is no label.',
    ),
    Rule(
        'more_people_than_queries',
        UNUSUAL,
        'image',
        lambda t: t.people_of_image > t.num_queries,
        'images have more people than the model has queries',
        'Raise model.head.num_queries to the largest number of people, or '
        'accept that the rest is not learned.',
        lambda t, i: f'{t.people_of_image[i]} people, {t.num_queries} queries',
    ),
]


def first_faults(table: Table, entry: str) -> Dict[int, str]:
    """Return the first fault that stops the data set, by entry.

    Args:
        table (Table): The annotation file.
        entry (str): ``'image'`` or ``'annotation'``.

    Returns:
        dict: Index of each image or annotation with a fault, in the order of
        the file -> what it is, and what to do.
    """
    found = {}
    for rule in RULES:
        if rule.severity != STOPS or (rule.entry == 'image') != (
            entry == 'image'
        ):
            continue
        K = len(table.keypoint_names) if rule.entry == 'keypoint' else 1
        for place in rule.places(table).tolist():
            found.setdefault(place // K, (rule, place))
    faults = {}
    for n, (rule, place) in sorted(found.items()):
        text = rule.tell(table, place)
        faults[n] = f'{text[0].upper()}{text[1:]}. {rule.fix}'
    return faults
