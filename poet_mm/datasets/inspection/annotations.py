"""Checks of boxes, areas and joints."""
from typing import Iterator

import numpy as np

from .columns import Table
from .finding import Finding, find

TOLERANCE = 1.0  # pixels; labels are rounded


def check_people(table: Table, num_queries: int) -> Iterator[Finding]:
    """Everything that annotations say of people.

    Args:
        table (Table): The file.
        num_queries (int): Most people of an image that a model can find.
    """
    yield from check_boxes(table)
    yield from check_areas(table)
    yield from check_numbers_of_joints(table)
    yield from check_visibility(table)
    yield from check_positions(table)
    yield from check_crowding(table, num_queries)


def check_boxes(table: Table) -> Iterator[Finding]:
    """Boxes: four numbers, with an extent, on the image."""
    def label(n):
        return f"{table.person(n)}: {table.annotations[n].get('bbox')}"

    broken = ~np.isfinite(table.bbox).all(axis=1)
    yield from find(
        'broken_bbox', True, 'annotations have a bbox that is not four '
        'numbers', table.has_pose & broken, label,
        'Set bbox to x, y, width, height in pixels.')
    corner, extent = table.bbox[:, :2], table.bbox[:, 2:]
    yield from find(
        'empty_bbox', True, 'annotations have a bbox without extent',
        table.has_pose & (extent <= 0).any(axis=1), label,
        'Set bbox to x, y, width, height in pixels, at least around the '
        'joints.')
    if len(table.sizes):
        beyond = corner + extent - table.sizes[table.image_of]  # (M, 2)
        off = ((beyond > TOLERANCE) | (corner < -TOLERANCE)).any(axis=1)
        yield from find(
            'bbox_beyond_image', False, 'annotations have a bbox that reaches '
            'beyond its image', table.has_pose & table.size_known & off,
            label, 'It is cut. If it is many, bbox may hold x1, y1, x2, y2 '
            'instead of x, y, width, height.')


def check_areas(table: Table) -> Iterator[Finding]:
    """Areas, by which OKS measures distances, and iscrowd."""
    def label(n):
        return f"{table.person(n)}: {table.annotations[n].get('area')}"

    told = np.array(['area' in ann for ann in table.annotations], dtype=bool)
    pose = table.has_pose
    yield from find(
        'no_area', False, 'annotations have no area', pose & ~told,
        table.person, 'Set area to that of the mask, or to 0.53 of the box, '
        'which is taken in training; evaluation needs use_area=False then.')
    yield from find(
        'broken_area', True, 'annotations have an area that is no number '
        'above 0', pose & told & ~(table.area > 0), label,
        'Set area to that of the mask, or to 0.53 of the box: OKS divides by '
        'it.')
    box = np.prod(table.bbox[:, 2:], axis=1)
    yield from find(
        'area_above_box', False, 'annotations have an area larger than that '
        'of their bbox', pose & (table.area > 1.01 * box + TOLERANCE), label,
        'The mask lies in the box: correct area or bbox. Were images resized '
        'and areas left?')
    yield from find(
        'broken_iscrowd', True, 'annotations have an iscrowd other than 0 and '
        '1', ~np.isin(table.iscrowd, (0, 1)), table.person,
        'Set iscrowd to 1 for a region with many people, else to 0.')


def check_numbers_of_joints(table: Table) -> Iterator[Finding]:
    """As many joints as the skeleton has, all numbers, counted rightly."""
    K = table.joints.shape[1]
    pose, fits = table.has_pose, table.fits
    counted = table.labelled.sum(axis=1)  # (M, )
    yield from find(
        'wrong_number_of_joints', True, f'annotations have no list of {K} '
        'joints', pose & ~fits,
        lambda n: f'{table.person(n)}: ' +
        (f'{table.num_joints[n]} joints' if table.num_joints[n] >= 0 else
         'no list of x, y, v, x, y, v, ...'),
        f'Give {K} times x, y, v in one list, 0, 0, 0 for joints without '
        'label, or take the metainfo of this skeleton.')
    yield from find(
        'broken_joints', True, 'annotations have a joint that is not finite '
        'numbers', pose & fits & ~np.isfinite(table.joints).all(axis=(1, 2)),
        table.person, 'Set joints without label to 0, 0, 0.')
    told = np.isfinite(table.num_keypoints)
    yield from find(
        'lying_num_keypoints', True, 'annotations have a num_keypoints other '
        'than their joints with v > 0',
        pose & fits & told & (table.num_keypoints != counted),
        lambda n: f'{table.person(n)}: {table.num_keypoints[n]:g}, counted '
        f'{counted[n]}', 'Count them again. Here joints are counted, other '
        'tools believe num_keypoints: their numbers would differ.')
    yield from find(
        'no_num_keypoints', False, 'annotations have no num_keypoints',
        pose & ~told, table.person,
        "Set it to the number of joints with v > 0; COCO's own tools need it.")


def check_visibility(table: Table) -> Iterator[Finding]:
    """v is 0, 1 or 2, and there is something to learn."""
    v = table.joints[..., 2]  # (M, K)
    people = table.is_person & table.fits
    yield from find(
        'broken_visibility', True, 'annotations have a v other than 0, 1 and '
        '2', table.fits & (np.isfinite(v) & ~np.isin(v, (0, 1, 2))).any(1),
        lambda n: f'{table.person(n)}: {sorted(set(v[n].tolist()))}',
        'v is 0 (not labelled), 1 (hidden) or 2 (visible).')
    labelled = table.labelled.any(axis=1)
    if people.any() and not (v == 2).any() and labelled.any():
        yield from find(
            'nothing_visible', True, 'people have hidden joints (v = 1) and '
            'none is visible (v = 2)', labelled[people], lambda n: 'all of '
            'the file', "Take POETCodec(supervise='labelled'), or set v to 2 "
            'where joints are seen: POET learns visible ones by default.')
    unlabelled = (~labelled)[people]
    if unlabelled.mean() > 0.5 if len(unlabelled) else False:
        places = np.flatnonzero(people)
        yield from find(
            'unlabelled_people', False, 'people have no labelled joint',
            unlabelled, lambda n: table.person(places[n]),
            'They count as people whose joints are not learned. Are they '
            'wanted?')
    if labelled.any():
        yield from find(
            'joints_never_labelled', False, 'joints are labelled on nobody',
            ~table.labelled.any(axis=0), lambda k: table.joint_names[k],
            'Nothing will be learned of them. Is this the right skeleton?')


def check_positions(table: Table) -> Iterator[Finding]:
    """Labelled joints lie on the image, and are in pixels."""
    K = table.joints.shape[1]
    outside, labelled = table.outside, table.labelled
    longest = np.full(len(table.annotations), np.nan)
    if len(table.sizes):
        longest = table.sizes[table.image_of].max(axis=1)  # (M, )
    far = outside > longest[:, None]  # (M, K)

    def label(place):
        n, k = divmod(place, K)
        x, y = table.joints[n, k, :2]
        return (f'{table.person(n)}: {table.joint_names[k]} at ({x:g}, {y:g})'
                f', {outside[n, k]:.1f} pixels outside')

    yield from find(
        'joints_far_outside', True, 'joints lie farther outside of their '
        'image than that is long', far.ravel(), label,
        'Correct them, or set them to 0, 0, 0 if they are not seen.')
    yield from find(
        'joints_outside', False, f'joints lie more than {TOLERANCE:g} pixel '
        'outside of their image', ((outside > TOLERANCE) & ~far).ravel(),
        label, 'They are not supervised, but evaluated. Set them to 0, 0, 0, '
        'or correct them; many of them: do the annotations belong to images '
        'of another size?')
    x, y = table.joints[..., 0], table.joints[..., 1]
    yield from find(
        'joints_at_origin', False, 'labelled joints are at (0, 0)',
        (labelled & (x == 0) & (y == 0)).ravel(), label,
        'Set v to 0 if this means that there is no label.')
    values = table.joints[labelled][:, :2]  # (J, 2)
    if len(values) and (np.abs(values) <= 2).all() and (table.sizes
                                                        > 16).any():
        yield Finding(
            'normalised_joints', True, 'labelled joints lie within 2 pixels '
            'of (0, 0)', len(values), len(values), ['all of the file'],
            'Joints are expected in pixels: multiply by width and height.')


def check_crowding(table: Table, num_queries: int) -> Iterator[Finding]:
    """No more people than queries."""
    people = table.image_of[table.is_person & (table.image_of >= 0)]
    counts = np.bincount(people, minlength=len(table.images))
    yield from find(
        'more_people_than_queries', False, 'images have more people than the '
        f'model has queries ({num_queries})', counts > num_queries,
        lambda i: f'{table.image(i)}: {counts[i]} people',
        'A query finds one person: raise model.head.num_queries to '
        f'{counts.max() if len(counts) else 0}, or accept that the rest is '
        'not learned.')
