"""Paste people of other images, for more people and scales from few images.

Source: Simple Copy-Paste (arXiv 2012.07177). Differences: people who touch are
pasted together; some background around them comes along and fades out, because
a sharp edge around a box would show where a person is; nothing is pasted that
hides much of a person.

N: number of people, K: number of keypoints.
"""

from typing import Optional, Tuple

import cv2
import numpy as np
import torch
import xtcocotools.mask as coco_mask
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS
from mmpose.structures.bbox import bbox_overlaps
from scipy.sparse.csgraph import connected_components

from .affine import box_areas, move_people, select_people, warp_image
from .heatmap_mask import draw_segmentations
from .loading import LoadIntactImage

RIM = 0.01  # background around people, as a share of the longest image side
SMALLEST = 32  # pixels, root of a box's area; COCO labels no smaller people
MOST_HIDDEN = 0.3  # largest share of a person's box that a group may hide
TRIES = 10  # groups that are tried, and places for each


def rim_of(image: dict) -> float:
    """Return the width of the background around people in pixels."""
    return RIM * max(image['width'], image['height'])


def shares_inside(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the shares (N, M) of boxes (N, 4) that lie in others (M, 4)."""
    pair = torch.from_numpy(boxes), torch.from_numpy(others)
    return bbox_overlaps(*pair, mode='iof').numpy()


def drop_outside(people: dict) -> dict:
    """Return people whose keypoints out of their box are not labelled.

    They are hidden there, by what does not come along with a pasted person.
    Crowds have no labelled keypoints then, either.
    """
    boxes, keypoints = people['bbox'][:, None], people['keypoints']
    inside = (keypoints >= boxes[..., :2]) & (keypoints <= boxes[..., 2:])
    inside = inside.all(axis=2) & (people['iscrowd'] == 0)[:, None]  # (N, K)
    return dict(people, keypoints_visible=people['keypoints_visible'] * inside)


def draw_group(people: dict) -> np.ndarray:
    """Draw a person, and add those who touch, and those who touch these.

    At least half of the keypoints of the first person are labelled: the border
    of the image cuts most people with fewer.

    Args:
        people (dict): Sample of the data set, with N people.

    Returns:
        np.ndarray: Indices of the group; none if one of them has no labelled
        keypoint.
    """
    labelled = people['keypoints_visible'] > 0  # (N, K)
    (most,) = (labelled.mean(axis=1) >= 0.5).nonzero()
    if not len(most):
        return most
    rim = rim_of(people)
    around = people['bbox'] + np.float32([-rim, -rim, rim, rim])
    touch = shares_inside(people['bbox'], around) > 0  # (N, N)
    _, groups = connected_components(touch, directed=False)
    (group,) = (groups == groups[np.random.choice(most)]).nonzero()
    return group if labelled[group].any(axis=1).all() else group[:0]


def fade_out(mask: np.ndarray, rim: float) -> np.ndarray:
    """Return weights (h, w) in [0, 1]: 1 on a mask (h, w), 0 beyond a rim."""
    side = 2 * int(rim / 2) + 1
    wider = cv2.dilate(mask, np.ones((side, side), np.uint8))
    return cv2.blur(wider.astype(np.float32), (side, side))


def encode(mask: np.ndarray) -> dict:
    """Return COCO's run lengths of a mask (h, w)."""
    return coco_mask.encode(np.asfortranarray(mask))


def hide(results: dict, covered: np.ndarray) -> None:
    """Mark what is hidden by pixels pasted over a sample.

    Visible keypoints (v = 2) become hidden (v = 1), areas lose the covered
    share of the box, and ``invalid_segs`` end where they are covered.

    Args:
        results (dict): Sample, changed in place; its arrays are replaced.
        covered (np.ndarray): (h, w), bool.
    """
    h, w = covered.shape
    x, y = results['keypoints'].clip(0, (w - 1, h - 1)).astype(int).T  # (K, N)
    v = results['keypoints_visible']
    results['keypoints_visible'] = np.where(covered[y, x].T, v.clip(max=1), v)

    sums = cv2.integral(covered.astype(np.uint8))  # (h + 1, w + 1)
    x1, y1, x2, y2 = results['bbox'].round().astype(int).T
    pixels = sums[y2, x2] - sums[y1, x2] - sums[y2, x1] + sums[y1, x1]
    share = pixels / np.maximum((x2 - x1) * (y2 - y1), 1)
    results['area'] = (results['area'] * (1 - share)).astype(np.float32)

    if results['invalid_segs']:
        invalid = draw_segmentations(results['invalid_segs'], (h, w))
        results['invalid_segs'] = [encode(invalid * ~covered)]


def paste(
    other: dict, group: np.ndarray, matrix: np.ndarray, results: dict
) -> None:
    """Paste a group and all its fields into a sample.

    Args:
        other (dict): Sample of the image with the group.
        group (np.ndarray): Indices of its people.
        matrix (np.ndarray): (2, 3), from its pixels to the sample.
        results (dict): Sample to paste into, changed in place.
    """
    size = results['img_shape'][::-1]
    shape = other['height'], other['width']
    people = select_people(other, group)
    masks = []
    for outline, box in zip(people['segmentation'], people['bbox']):
        x1, y1, x2, y2 = box.tolist()
        outline = outline or [[x1, y1, x2, y1, x2, y2, x1, y2]]
        masks.append(draw_segmentations([outline], shape))
    weight = fade_out(np.max(masks, axis=0), rim_of(other))
    weight = warp_image(weight, matrix, size, fill=(0,))
    pixels = warp_image(LoadIntactImage()(other)['img'], matrix, size)
    people['segmentation'] = [
        encode(warp_image(mask, matrix, size, fill=(0,))) for mask in masks
    ]
    move_people(people, matrix, size)

    hide(results, weight >= 0.5)
    results['img'] = cv2.blendLinear(
        pixels, results['img'], weight, 1 - weight
    )
    for key, values in people.items():
        results[key] = (
            results[key] + values
            if isinstance(values, list)
            else np.concatenate([results[key], values])
        )


@TRANSFORMS.register_module()
class PastePeople(BaseTransform):
    """Paste people of other images of the data set into an image.

    1. Draw an image and a group of its people, see :func:`draw_group`.
    2. Draw how much it grows, and a place in the image where it hides at most
       ``MOST_HIDDEN`` of each person. If there is none, draw another group.
    3. Move the fields and the pixels, and mark what they hide.

    The pixels of a person are those of the segmentation or, without one, of
    the box. Use it right after ``LoadIntactImage``, with
    ``BottomupCocoDataset``. All images of the data set are drawn, also the one
    that is pasted into.

    Args:
        max_groups (int): The number of groups is uniform in {0..max_groups}.
            Defaults to 2.
        scale (tuple[float, float]): Range of the growth of people, measured in
            the longest side of their image; its logarithm is uniform. Defaults
            to (0.5, 2.0).
    """

    def __init__(
        self, max_groups: int = 2, scale: Tuple[float, float] = (0.5, 2.0)
    ) -> None:
        if max_groups < 1 or not 0 < scale[0] <= scale[1]:
            raise ValueError(
                f'max_groups is {max_groups}, scale {scale}, expected '
                'max_groups >= 1 and 0 < low <= high.'
            )
        self.max_groups = max_groups
        self.scale = scale

    def transform(self, results: dict) -> dict:
        """Paste groups one after the other."""
        dataset = results['dataset']
        for _ in range(np.random.randint(self.max_groups + 1)):
            for _ in range(TRIES):
                index = np.random.randint(len(dataset))  # 1.
                other = drop_outside(dataset.get_data_info(index))
                group = draw_group(other)
                matrix = self.draw_move(other, group, results)  # 2.
                if matrix is not None:
                    paste(other, group, matrix, results)  # 3.
                    break
        return results

    def draw_move(
        self, other: dict, group: np.ndarray, results: dict
    ) -> Optional[np.ndarray]:
        """Draw a move of a group to a place in a sample.

        Args:
            other (dict): Sample of the image with the group.
            group (np.ndarray): Indices of its people.
            results (dict): Sample to paste into.

        Returns:
            np.ndarray, optional: Matrix (2, 3), from pixels to pixels. None if
            the group fits at none of the places that are tried.
        """
        if not len(group):
            return None
        h, w = results['img_shape']
        boxes = other['bbox'][group]
        corner = boxes[:, :2].min(axis=0)
        sides = np.maximum(boxes[:, 2:].max(axis=0) - corner, 1e-3)
        unit = max(h, w) / max(other['height'], other['width'])
        smallest = max(np.sqrt(box_areas(boxes).min()), 1e-3)
        low = max(self.scale[0] * unit, SMALLEST / smallest)
        high = min(self.scale[1] * unit, *((w, h) / sides))
        if low > high:
            return None
        zoom = np.exp(np.random.uniform(np.log(low), np.log(high)))
        places = np.random.uniform(0, (w, h) - zoom * sides, (TRIES, 2))
        covers = np.concatenate([places, places + zoom * sides], axis=1)
        hidden = shares_inside(results['bbox'], np.float32(covers))
        free = (hidden <= MOST_HIDDEN).all(axis=0)  # (TRIES,)
        if not free.any():
            return None
        x, y = places[free][0] - zoom * corner
        return np.array([[zoom, 0, x], [0, zoom, y]])
