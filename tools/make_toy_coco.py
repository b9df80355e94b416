"""Draw a small data set of synthetic people in COCO's keypoint format.

The files are those of COCO 2017: ``train2017/*.png``, ``val2017/*.png`` and
``annotations/person_keypoints_{train,val}2017.json``. The same seed gives the
same bytes, and image i does not depend on the number of images. A second run
into the same folder overwrites files of the same name and deletes none.

Images: each has a background with clutter, 0 to 4 synthetic people in
painter's order (a later person covers an earlier one), and objects over them.
All people face the camera, turned by up to 45 degrees. The person's left is
warm, the right is cold. A horizontal flip would give a side the wrong colours,
so train without one. Every 12th image has no people. Every 16th has a crowd of
tiny figures behind its people, annotated as one region with ``iscrowd`` 1.

``--crowd`` draws harder scenes, of 256 pixels by default: 1 to 12 people, 16
to 220 pixels tall, taller ones nearer (drawn later), and more and larger
objects over them. The figures of an ``iscrowd`` region are then at most 13
pixels tall, smaller than any annotated person.

Annotations: the silhouette of a person includes its covered parts and ends at
the image border. `segmentation` is its run length code (a polygon would fill
its holes), `bbox` its extent, and `area` its number of pixels. A keypoint has
v = 2 if its pixel shows any part of that person, v = 1 if something else
covers it, and x = y = v = 0 outside the image. A person without a visible
pixel is not annotated. The centre of the upper left pixel is (0, 0), as in
OpenCV. ``--joints`` annotates only some keypoints, for another skeleton; the
pixels stay the same.

Examples:
  python tools/make_toy_coco.py --out data/toy --train 256 --val 64
  python tools/make_toy_coco.py --out data/crowd --crowd --joints nose
"""

import argparse
import json
import math
import os
import sys
import time
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence

__parse_first__ = True

import cv2
import numpy as np

from poet_mm import cli
from poet_mm.errors import WrongValue
from poet_mm.utils.files import write_whole

SIDES = ('left', 'right')
LIMBS = ('shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle')
KEYPOINTS = (
    'nose',
    *(f'{side}_{part}' for part in ('eye', 'ear', *LIMBS) for side in SIDES),
)
# COCO's skeleton: the starts and the ends of its lines, counted from 1.
SKELETON = tuple(
    zip(
        (16, 14, 17, 15, 12, 6, 7, 6, 6, 7, 8, 9, 2, 1, 1, 2, 3, 4, 5),
        (14, 12, 15, 13, 13, 12, 13, 7, 8, 9, 10, 11, 3, 2, 3, 4, 5, 6, 7),
    )
)
POINTS = KEYPOINTS + ('neck', 'pelvis', 'head')  # the ends of strokes
PELVIS = POINTS.index('pelvis')

SPLITS = ('train2017', 'val2017')
MARKER = 'annotations/made_by_make_toy_coco.txt'
EMPTY_EVERY, EMPTY_AT = 12, 5  # images 5, 17, 29, ... have no people
CROWD_EVERY, CROWD_AT = 16, 3  # images 3, 19, 35, ... have a crowd
Rng = np.random.Generator
OBJECT = 255  # label of an occluding object; 0 is the background

# Lengths in body heights.
TORSO, NECK, HEAD = 0.30, 0.14, 0.10
SHOULDER, HIP = 0.12, 0.07
UPPER_ARM, FOREARM, THIGH, SHIN = 0.18, 0.16, 0.23, 0.22

COLOURS = {  # BGR
    'left': (40, 90, 215),
    'right': (205, 95, 45),
    'torso': (70, 165, 95),
    'head': (165, 200, 235),
    'nose': (70, 60, 120),
}


class SceneKind(NamedTuple):
    """Hold the numbers of a kind of scenes; lengths in image sizes."""

    size: int = 128  # default width and height in pixels
    people_odds: Sequence[float] = (0.3, 0.3, 0.25, 0.15)  # of 1, 2, ...
    # Quantiles of the heights of 1, 2, ... people, at equal steps.
    heights: tuple = ((0.35, 0.9), (0.35, 0.8), (0.35, 0.7), (0.35, 0.6))
    taller_is_nearer: bool = False
    crowd_heights: Sequence[float] = (0.1, 0.15)  # lowest, highest
    num_objects: Sequence[int] = (0, 4)  # lowest, highest + 1
    largest_object: float = 0.3
    id_step: int = 10  # between the first annotations of two images


PLAIN = SceneKind()
CROWD = SceneKind(
    size=256,
    people_odds=(0.12,) * 4 + (0.09,) * 4 + (0.04,) * 4,
    heights=((0.0625, 0.12, 0.25, 0.6, 0.8, 0.86),) * 5
    + ((0.0625, 0.11, 0.18, 0.3, 0.7, 0.86),) * 7,
    taller_is_nearer=True,
    crowd_heights=(0.03, 0.05),
    num_objects=(1, 6),
    largest_object=0.4,
    id_step=100,
)


class Stroke(NamedTuple):
    """Describe a round-ended line between two of `POINTS`, or a dot."""

    start: str
    end: str
    width: float  # in body heights
    colour: str
    shade: float  # brightness; 1 is the colour itself


def dot(point: str, width: float, colour: str, shade: float) -> Stroke:
    """Return a round mark on one of `POINTS`."""
    return Stroke(point, point, width, colour, shade)


def limb_strokes(side: str) -> List[Stroke]:
    """Return leg, arm, and a bright mark on each of their keypoints."""
    limbs = (
        ('hip', 'knee', 0.11, 0.75),
        ('knee', 'ankle', 0.09, 1.0),
        ('shoulder', 'elbow', 0.09, 0.9),
        ('elbow', 'wrist', 0.075, 1.2),
    )
    marks = (*LIMBS[3:], *LIMBS[:3])  # those of the arm cover the leg's
    return [
        *(
            Stroke(f'{side}_{a}', f'{side}_{b}', width, side, shade)
            for a, b, width, shade in limbs
        ),
        *(dot(f'{side}_{part}', 0.045, side, 1.6) for part in marks),
    ]


def person_strokes(far: str, near: str) -> List[Stroke]:
    """Return all strokes of a person, from the back to the front."""
    return [
        *limb_strokes(far),
        Stroke('pelvis', 'neck', 0.17, 'torso', 1.0),
        Stroke('left_hip', 'right_hip', 0.11, 'torso', 0.8),
        Stroke('left_shoulder', 'right_shoulder', 0.09, 'torso', 1.2),
        Stroke('neck', 'head', 0.07, 'head', 0.8),
        *limb_strokes(near),
        dot('head', 2 * HEAD, 'head', 1.0),
        dot(f'{far}_ear', 0.06, far, 1.0),
        dot(f'{far}_eye', 0.04, far, 0.7),
        dot(f'{near}_ear', 0.06, near, 1.0),
        dot(f'{near}_eye', 0.04, near, 0.7),
        dot('nose', 0.035, 'nose', 1.0),
    ]


STROKES = {
    'left': person_strokes(far='right', near='left'),
    'right': person_strokes(far='left', near='right'),
}


class Figure(NamedTuple):
    """Hold a posed person in pixels; P of `POINTS`, first K `KEYPOINTS`."""

    points: np.ndarray  # (P, 2), rounded to 0.1 like the annotations
    height: float
    near: str  # the side that is nearer to the camera


def direction(angle: float) -> np.ndarray:
    """Return a unit vector; 0 points down, positive angles to the right."""
    return np.array([math.sin(angle), math.cos(angle)])


def random_figure(rng: Rng, pelvis: np.ndarray, height: float) -> Figure:
    """Return a person of a height and with a pelvis (2,) in pixels.

    Angles of arms and legs are from the axis of the trunk, outwards.
    """
    lean, nod, turn = rng.uniform((-0.5, -0.3, -0.8), (0.5, 0.3, 0.8))
    neck = -TORSO * direction(lean)
    head = neck - NECK * direction(lean)
    up, across = -direction(lean + nod), direction(lean + nod + math.pi / 2)
    gaze = head + 0.5 * HEAD * math.sin(turn) * across
    points = {'neck': neck, 'pelvis': np.zeros(2), 'head': head}
    points['nose'] = gaze - 0.25 * HEAD * up
    for name, side in zip(SIDES, (1, -1)):
        aside = side * HEAD * math.cos(turn) * across
        outwards = side * math.cos(turn) * direction(lean + math.pi / 2)
        raised, elbow_bend = rng.uniform((-0.3, -1.4), (2.6, 1.4))
        spread, knee_bend = rng.uniform((-0.15, -0.8), (0.8, 0.3))
        shoulder, hip = neck + SHOULDER * outwards, HIP * outwards
        elbow = shoulder + UPPER_ARM * direction(lean + side * raised)
        knee = hip + THIGH * direction(lean + side * spread)
        forearm = FOREARM * direction(lean + side * (raised + elbow_bend))
        shin = SHIN * direction(lean + side * (spread + knee_bend))
        points[f'{name}_eye'] = gaze + 0.4 * aside + 0.25 * HEAD * up
        points[f'{name}_ear'] = head + aside
        points[f'{name}_shoulder'] = shoulder
        points[f'{name}_elbow'] = elbow
        points[f'{name}_wrist'] = elbow + forearm
        points[f'{name}_hip'] = hip
        points[f'{name}_knee'] = knee
        points[f'{name}_ankle'] = knee + shin
    unit_points = np.stack([points[name] for name in POINTS])  # (P, 2)
    # + 0.0 makes a rounded -0.0 a plain 0.
    return Figure(
        np.round(pelvis + height * unit_points, 1) + 0.0,
        height,
        near='right' if turn > 0 else 'left',
    )


def place_person(
    rng: Rng, height: float, size: int, others: Sequence[np.ndarray]
) -> np.ndarray:
    """Return the pelvis (2,) of a new person.

    Of six random places it is the one farthest from the pelvises of others.
    Both hips are in the image; a head or feet may be outside.
    """
    aside = min(0.12, 0.5 * height / size)
    margin = max(0.5 * height - 0.1 * size, min(0.1 * size, 0.5 * height))
    places = rng.uniform(
        (aside * size, margin), ((1 - aside) * size, size - margin), (6, 2)
    )
    if not others:
        return places[0]
    distances = np.linalg.norm(places[:, None] - others, axis=-1)  # (6, N)
    return places[distances.min(axis=1).argmax()]


def random_palette(rng: Rng) -> Dict[str, List[float]]:
    """Return the fixed colours, slightly changed, so that people differ."""
    gains = rng.uniform(0.85, 1.1, (len(COLOURS), 1))
    tinges = rng.uniform(-15, 15, (len(COLOURS), 3))
    palette = np.array(list(COLOURS.values())) * gains + tinges  # (C, 3)
    return dict(zip(COLOURS, palette.tolist()))


def to_fixed(points: np.ndarray) -> List[List[int]]:
    """Return pixels (P, 2) as OpenCV's fixed point numbers (``shift=4``)."""
    return np.round(16 * points).astype(int).tolist()


def draw_figure(
    image: np.ndarray, figure: Figure, palette: Dict[str, List[float]]
) -> np.ndarray:
    """Draw a person over `image`, and return its silhouette.

    The silhouette is (H, W), uint8, 1 inside.
    """
    mask = np.zeros(image.shape[:2], np.uint8)
    points = dict(zip(POINTS, to_fixed(figure.points)))
    for stroke in STROKES[figure.near]:
        bgr = [min(stroke.shade * c, 255) for c in palette[stroke.colour]]
        line = points[stroke.start], points[stroke.end]
        # at least 2: an anti-aliased line of 1 pixel is pale
        thickness = max(2, round(stroke.width * figure.height))
        cv2.line(image, *line, bgr, thickness, cv2.LINE_AA, 4)
        cv2.line(mask, *line, 1, thickness, cv2.LINE_8, 4)
    return mask


def random_background(rng: Rng, size: int) -> np.ndarray:
    """Draw background clutter: blotches, shapes, lines as thick as limbs."""
    coarse = rng.integers(0, 45, (8, 8, 3)) + rng.integers(40, 180)
    image = cv2.resize(coarse.astype(np.uint8), (size, size))
    for _ in range(rng.integers(2, 6)):
        draw_object(rng, image, rng.uniform(0.05, 0.3, 2) * size)
    for _ in range(rng.integers(0, 5)):
        start, end = to_fixed(rng.uniform(0, size, (2, 2)))
        thickness = int(rng.integers(1, 2 + size // 20))
        colour = dull_colour(rng)
        cv2.line(image, start, end, colour, thickness, cv2.LINE_AA, 4)
    return image


def dull_colour(rng: Rng) -> List[int]:
    """Return a greyish colour that no limb has."""
    return (rng.integers(30, 200) + rng.integers(0, 40, 3)).tolist()


def draw_object(rng: Rng, image: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """Draw a rectangle or an ellipse at a random place, and return its mask.

    `sides` are its full side lengths in pixels, its angle is random. The mask
    is (H, W), uint8, 1 inside.
    """
    mask = np.zeros(image.shape[:2], np.uint8)
    centre = rng.uniform(0, len(image), 2)
    box = (centre.tolist(), sides.tolist(), rng.uniform(0, 180))
    is_ellipse = rng.random() < 0.5
    corners = np.round(cv2.boxPoints(box)).astype(np.int32)
    for canvas, colour in ((image, dull_colour(rng)), (mask, 1)):
        if is_ellipse:
            cv2.ellipse(canvas, box, colour, cv2.FILLED)
        else:
            cv2.fillConvexPoly(canvas, corners, colour)
    return mask


def draw_crowd(
    rng: Rng, image: np.ndarray, heights: Sequence[float]
) -> np.ndarray:
    """Draw some tiny figures, and return their region in the image.

    `heights` are the lowest and the highest, in image sizes. The region is
    (H, W), uint8, 1 on the figures and in a margin around them.
    """
    size = len(image)
    corner = rng.uniform(0.05, 0.45, 2) * size
    region = np.zeros(image.shape[:2], np.uint8)
    places = rng.uniform(corner, corner + (0.5 * size, 0.3 * size), (12, 2))
    for pelvis in places:
        figure = random_figure(rng, pelvis, rng.uniform(*heights) * size)
        region |= draw_figure(image, figure, random_palette(rng))
    around = 2 * (size // 64) + 1
    return cv2.dilate(region, np.ones((around, around), np.uint8))


class Scene(NamedTuple):
    """Hold an image and its N synthetic people."""

    image: np.ndarray  # (H, W, 3) uint8, BGR
    labels: np.ndarray  # (H, W) uint8, n + 1 where person n is visible
    figures: List[Figure]  # N
    silhouettes: List[np.ndarray]  # N of (H, W) uint8, also where covered
    crowds: List[np.ndarray]  # none or one, (H, W) uint8


def draw_scene(
    split: str, index: int, size: int, seed: int, kind: SceneKind = PLAIN
) -> Scene:
    """Draw image `index` of a split, from the back to the front.

    1. background and clutter
    2. crowd
    3. people, in painter's order
    4. occluding objects

    The scene depends on the arguments only.
    """
    rng = np.random.default_rng([seed, SPLITS.index(split), index])
    num_people = int(rng.choice(len(kind.people_odds), p=kind.people_odds)) + 1
    if index % EMPTY_EVERY == EMPTY_AT:
        num_people = 0
    # 1. background and clutter
    image = random_background(rng, size)
    # 2. crowd
    has_crowd = index % CROWD_EVERY == CROWD_AT
    crowds = [draw_crowd(rng, image, kind.crowd_heights)] if has_crowd else []
    # 3. people, in painter's order
    people = []  # figure and palette
    for _ in range(num_people):
        quantiles = kind.heights[num_people - 1]
        odds = np.linspace(0, 1, len(quantiles))
        height = size * float(np.interp(rng.random(), odds, quantiles))
        others = [figure.points[PELVIS] for figure, _ in people]
        pelvis = place_person(rng, height, size, others)
        figure = random_figure(rng, pelvis, height)
        people.append((figure, random_palette(rng)))
    if kind.taller_is_nearer:
        people.sort(key=lambda person: person[0].height)
    labels = np.zeros((size, size), np.uint8)
    silhouettes = [draw_figure(image, *person) for person in people]
    for n, silhouette in enumerate(silhouettes):
        labels[silhouette == 1] = n + 1
    # 4. occluding objects
    for _ in range(rng.integers(*kind.num_objects)):
        sides = rng.uniform(0.08, kind.largest_object, 2) * size
        labels[draw_object(rng, image, sides) == 1] = OBJECT
    figures = [figure for figure, _ in people]
    return Scene(image, labels, figures, silhouettes, crowds)


def joint_visibility(
    joints: np.ndarray, labels: np.ndarray, label: int
) -> np.ndarray:
    """Return COCO's v (K,) of the keypoints (K, 2) of a person.

    The visible pixels of the person have this label.
    """
    last = np.array(labels.shape[::-1]) - 1
    inside = ((joints >= 0) & (joints <= last)).all(axis=1)
    columns, rows = np.floor(joints.clip(0, last) + 0.5).astype(int).T
    return np.where(inside, np.where(labels[rows, columns] == label, 2, 1), 0)


def flat_keypoints(joints: np.ndarray, visibility: np.ndarray) -> List[float]:
    """Return COCO's list x, y, v, ..., 0, 0, 0 for keypoints with v = 0."""
    flat = []
    for (x, y), v in zip(joints.tolist(), visibility.tolist()):
        flat += [x, y, v] if v else [0, 0, 0]
    return flat


def encode_mask(mask: np.ndarray) -> dict:
    """Return COCO's uncompressed run lengths of a (H, W) mask of 0 and 1.

    They go column by column and start with a run of zeros, which may be empty.
    """
    # The 0 in front makes the first change, if any, one from 0 to 1.
    changes = np.flatnonzero(np.diff(mask.T.ravel(), prepend=np.uint8(0)))
    edges = np.concatenate([[0], changes, [mask.size]])
    return {'size': list(mask.shape), 'counts': np.diff(edges).tolist()}


def annotate_region(mask: np.ndarray) -> dict:
    """Return segmentation, area and bbox (x, y, width, height) of a mask."""
    return dict(
        segmentation=encode_mask(mask),
        area=float(mask.sum()),
        bbox=[float(n) for n in cv2.boundingRect(mask)],
    )


def annotate_scene(
    scene: Scene, first_id: int, image_id: int, joints: Sequence[str]
) -> List[dict]:
    """Return COCO's annotations of all visible people, then of the crowd."""
    rows = [KEYPOINTS.index(name) for name in joints]
    found = []  # mask, keypoints, iscrowd
    for n, figure in enumerate(scene.figures):
        points = figure.points[rows]  # (K, 2)
        if (scene.labels == n + 1).any():
            visibility = joint_visibility(points, scene.labels, n + 1)
            keypoints = flat_keypoints(points, visibility)
            found.append((scene.silhouettes[n], keypoints, 0))
    found += [(region, [0] * 3 * len(rows), 1) for region in scene.crowds]
    return [
        dict(
            id=first_id + k,
            image_id=image_id,
            category_id=1,
            iscrowd=iscrowd,
            num_keypoints=sum(v > 0 for v in keypoints[2::3]),
            keypoints=keypoints,
            **annotate_region(mask),
        )
        for k, (mask, keypoints, iscrowd) in enumerate(found)
    ]


def make_split(
    out: Path,
    split: str,
    num_images: int,
    size: int,
    seed: int,
    joints: Sequence[str],
    kind: SceneKind,
) -> int:
    """Write a split's images, then its annotations.

    Returns:
        int: The number of annotated people.
    """
    (out / split).mkdir(exist_ok=True)
    images, annotations = [], []
    shape = dict(width=size, height=size)
    for index in range(num_images):
        scene = draw_scene(split, index, size, seed, kind)
        image_id = index + 1
        name = f'{image_id:012d}.png'
        path = out / split / name
        if not cv2.imwrite(str(path), scene.image):
            raise OSError(f'could not write {path}')
        images.append(dict(id=image_id, file_name=name, **shape, license=1))
        first_id = kind.id_step * image_id
        annotations += annotate_scene(scene, first_id, image_id, joints)
    header = dataset_header(joints)
    content = dict(header, images=images, annotations=annotations)
    write_whole(
        json.dumps(content, separators=(',', ':')).encode(),
        str(out / 'annotations' / f'person_keypoints_{split}.json'),
    )
    return sum(not a['iscrowd'] for a in annotations)


def dataset_header(joints: Sequence[str]) -> dict:
    links = [[KEYPOINTS[end - 1] for end in link] for link in SKELETON]
    info = dict(
        description='Drawn '
        'people in COCO keypoint format, made by tools/make_toy_coco.py',
        version='1.0',
    )
    url = 'https://creativecommons.org/publicdomain/zero/1.0/'
    licence = dict(id=1, name='CC0 1.0', url=url)
    category = dict(
        id=1,
        name='person',
        supercategory='person',
        keypoints=joints,
        skeleton=[
            [joints.index(end) + 1 for end in link]
            for link in links
            if {*link} <= {*joints}
        ],
    )
    return dict(info=info, licenses=[licence], categories=[category])


def make_toy_coco(
    out: os.PathLike,
    num_train: int,
    num_val: int,
    size: Optional[int],
    seed: int,
    joints: Sequence[str] = KEYPOINTS,
    crowd: bool = False,
) -> int:
    """Write the data set, and overwrite files of the same name.

    Args:
        out (PathLike): A new or empty folder, or one made by this function.
        num_train (int): Number of training images, 0 or more.
        num_val (int): Number of validation images, 0 or more.
        size (int | None): Width and height of the images in pixels, 32 or
            more. None is 128, or 256 with `crowd`.
        seed (int): 0 or more.
        joints (Sequence[str]): The `KEYPOINTS` to annotate, in that order.
            Defaults to all.
        crowd (bool): Whether to draw crowd scenes. Defaults to False.

    Returns:
        int: The number of annotated people in both splits.

    Raises:
        WrongValue: An argument is not allowed.
    """
    out, kind = Path(out), CROWD if crowd else PLAIN
    size = kind.size if size is None else size
    numbers = dict(train=num_train, val=num_val, size=size, seed=seed)
    for name, value in numbers.items():
        lowest = 32 if name == 'size' else 0
        if value < lowest:
            raise WrongValue(f'{name} must be {lowest} or more, got {value}.')
    wrong = [name for name in joints if name not in KEYPOINTS]
    if wrong or not joints or len(set(joints)) < len(joints):
        raise WrongValue(
            f'joints must be different ones of {KEYPOINTS}, got '
            f'{tuple(wrong or joints)}.'
        )
    if out.exists() and not out.is_dir():
        raise WrongValue(f'out must be a folder, got the file {out}.')
    if out.exists() and any(out.iterdir()) and not (out / MARKER).exists():
        raise WrongValue(
            f'out must be a new folder, an empty one, or one that this tool '
            f'made; {out} holds other files.'
        )
    (out / 'annotations').mkdir(parents=True, exist_ok=True)
    (out / MARKER).write_text(
        f'--train {num_train} --val {num_val} --size {size} --seed {seed} '
        f'{"--crowd " if crowd else ""}--joints {" ".join(joints)}\n'
    )
    return sum(
        make_split(out, split, num_images, size, seed, joints, kind)
        for split, num_images in zip(SPLITS, (num_train, num_val))
    )


def parse_args(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(**cli.about(__doc__))
    parser.add_argument(
        '--out',
        type=Path,
        required=True,
        metavar='DIR',
        help='folder to write: a new or empty one, or one of this tool',
    )
    pixels = f'{PLAIN.size}, {CROWD.size} with --crowd'
    for flag, name, default, text in (
        ('--train', 'num_train', 256, 'number of training images'),
        ('--val', 'num_val', 64, 'number of validation images'),
        ('--size', 'size', None, f'side in pixels (default: {pixels})'),
        ('--seed', 'seed', 0, 'seed of all random numbers'),
    ):
        parser.add_argument(
            flag, type=int, dest=name, default=default, metavar='N', help=text
        )
    parser.add_argument(
        '--crowd', action='store_true', help='draw harder scenes, see above'
    )
    parser.add_argument(
        '--joints',
        nargs='+',
        default=KEYPOINTS,
        metavar='JOINT',
        help=f'keypoints to annotate, of {", ".join(KEYPOINTS)} '
        '(default: all)',
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str]) -> None:
    args = parse_args(argv)
    start = time.perf_counter()
    people = make_toy_coco(**vars(args))
    print(
        f'{args.out}: {args.num_train} + {args.num_val} images, '
        f'{people} people, {time.perf_counter() - start:.1f} s'
    )


if __name__ == '__main__':
    cli.run(main, sys.argv[1:])
