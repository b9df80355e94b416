"""Convert people and detections into the arrays and entries of COCO's code.

N: number of people, K: number of keypoints of the skeleton.
"""

from itertools import chain
from typing import List, NamedTuple, Optional, Sequence

import numpy as np

MAX_DETECTIONS = 20  # of an image and category, as COCO has it


class Detections(NamedTuple):
    """Hold the detections of all images, in the order of the images.

    Shapes: keypoints (N, K, 3) as x, y in pixels and score, in float64;
    scores, areas in square pixels, image_ids and category_ids (N,).
    """

    keypoints: np.ndarray
    scores: np.ndarray
    areas: np.ndarray
    image_ids: np.ndarray
    category_ids: np.ndarray


def as_one_class(annotations: List[dict]) -> List[dict]:
    """Return the annotations that a pose model is evaluated on.

    Those without a box or keypoints are left out, as in the data set. All
    get category 1, which ``CocoMetric`` gives to predictions, and
    ``num_keypoints``, ``iscrowd`` and ``area`` (0.53 of the box, as in
    training) if they lack them.

    Args:
        annotations (list[dict]): Entries of the annotation file.
    """
    return [
        {
            'num_keypoints': sum(v > 0 for v in person['keypoints'][2::3]),
            'iscrowd': 0,
            'area': 0.53 * person['bbox'][2] * person['bbox'][3],
            **person,
            'category_id': 1,
        }
        for person in annotations
        if 'bbox' in person and 'keypoints' in person
    ]


def box_areas(keypoints: np.ndarray) -> np.ndarray:
    """Return areas (N,) of the boxes of keypoints (N, K, 3), square pixels."""
    return np.ptp(keypoints[..., :2], axis=1).prod(axis=1)


def gather_detections(people: List[dict], num_keypoints: int) -> Detections:
    """Join the results that ``CocoMetric`` collects into arrays.

    Args:
        people (list[dict]): N detections with ``keypoints`` (K, 3),
            ``score``, ``img_id``, ``category_id`` and, all of them or none,
            ``bbox`` (4,), x, y, w, h in pixels.
        num_keypoints (int): K.

    Returns:
        Detections: The area is that of the box, else of all keypoints' box.
    """
    keypoints = np.array(
        [person['keypoints'] for person in people], dtype=np.float64
    )
    keypoints = keypoints.reshape(len(people), num_keypoints, 3)
    if people and 'bbox' in people[0]:
        areas = np.array(
            [person['bbox'] for person in people], dtype=np.float64
        )[:, 2:].prod(axis=1)
    else:
        areas = box_areas(keypoints)
    return Detections(
        keypoints=keypoints,
        scores=np.array(
            [person['score'] for person in people], dtype=np.float64
        ),
        areas=areas,
        image_ids=np.array([person['img_id'] for person in people]),
        category_ids=np.array([person['category_id'] for person in people]),
    )


def find_obstacle(
    people: List[dict],
    detections: Detections,
    image_ids: Sequence[int],
    use_area: bool,
) -> Optional[str]:
    """Return why hotcoco cannot evaluate, or None.

    In these cases xtcocotools gives a number or an error, hotcoco a wrong
    number.

    Args:
        people (list[dict]): Entries of the annotation file.
        detections (Detections): All detections.
        image_ids (list[int]): All images of the annotation file.
        use_area (bool): True if people need an ``area``.
    """
    K = detections.keypoints.shape[1]
    if any(len(person['keypoints']) != 3 * K for person in people):
        return f'not all people of the annotation file have {K} keypoints'
    if use_area and not all('area' in person for person in people):
        return "a person of the annotation file has no 'area'"
    of_people = chain.from_iterable(
        chain(
            person['keypoints'],
            person['bbox'],
            [person['area']] if use_area else [],
        )
        for person in people
    )
    if not np.isfinite(np.fromiter(of_people, np.float64)).all():
        return 'a number in the annotation file is not finite'
    if not all(np.isfinite(values).all() for values in detections[:3]):
        return 'a detection has a number that is not finite'
    for ids in (image_ids, detections.image_ids, detections.category_ids):
        ids = np.asarray(ids)
        if len(ids) and (
            ids.ndim > 1 or ids.dtype.kind != 'i' or ids.min() < 0
        ):
            return 'an image or category has an id that is not 0, 1, 2, ...'
    if not np.isin(detections.image_ids, image_ids).all():
        return 'a detection is of an image that is not in the annotation file'
    return None


def best_of_images(detections: Detections) -> np.ndarray:
    """Return the indices of the detections that COCO evaluates.

    These are the MAX_DETECTIONS with the highest scores of each image and
    category, the first ones of equal scores.

    Returns:
        np.ndarray: (M,), ascending, so that ties keep their order.
    """
    order = np.lexsort(
        (-detections.scores, detections.category_ids, detections.image_ids)
    )  # stable
    groups = np.stack([detections.image_ids, detections.category_ids])
    groups = groups[:, order]
    first = MAX_DETECTIONS
    same = (groups[:, first:] == groups[:, :-first]).all(axis=0)
    surplus = order[first:][same]
    return np.setdiff1d(np.arange(len(order)), surplus, assume_unique=True)


def detection_dicts(detections: Detections) -> List[dict]:
    """Return COCO's entries of the detections that count."""
    found = (detections.keypoints[..., 2] > 0).any(axis=1)
    detections = Detections(*(values[found] for values in detections))
    _, K, _ = detections.keypoints.shape
    best = best_of_images(detections)
    columns = zip(
        detections.keypoints[best].reshape(-1, 3 * K).tolist(),
        *(values[best].tolist() for values in detections[1:]),
    )
    return [
        dict(
            id=n,
            keypoints=keypoints,
            score=score,
            area=area,
            image_id=image_id,
            category_id=category_id,
        )
        for n, (keypoints, score, area, image_id, category_id) in enumerate(
            columns, 1
        )
    ]


def person_dicts(people: List[dict], use_area: bool) -> List[dict]:
    """Return COCO's entries of the ground truth, as xtcocotools reads it.

    Args:
        people (list[dict]): Entries of the annotation file.
        use_area (bool): If False, the area is 0.53 of the box.
    """
    return [
        dict(
            id=n,
            image_id=person['image_id'],
            category_id=person['category_id'],
            keypoints=person['keypoints'],
            num_keypoints=sum(v > 0 for v in person['keypoints'][2::3]),
            bbox=person['bbox'],
            area=person['area'] if use_area else w * h * 0.53,
            iscrowd=int(person['iscrowd']),
        )
        for n, person in enumerate(people, 1)
        for w, h in [person['bbox'][2:]]
    ]
