"""Group the peaks of heatmaps into people by their tags.

Source: Associative Embedding (arXiv 1611.05424), section 3.3, in the form of
MMPose's ``AssociativeEmbedding.batch_decode``. Differences from it, on
purpose, besides those of :mod:`.peaks`:

- All peaks too far from a person cost the same. MMPose adds up their
  distances; as tags lie on a line, moving every keypoint to the next person
  then costs as much as starting a person, and people are split.
- Of assignments of equal cost, which rounded distances often have, the one
  with the nearest tags is taken, high peaks first; MMPose takes any.
- People whose tags are equal to the last bit are not merged.
- A person's tag is read at the peaks; MMPose reads it at the refined
  position, rounded down, which may be the next cell.

Letters: B images, K keypoints, (H, W) cells, L tags of a keypoint, M peaks,
G people.
"""

from typing import List, NamedTuple, Optional, Sequence

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from .peaks import Peaks, gather_peaks
from .search import TAG_WEIGHT, pad_to_blocks, search_keypoints

TIE_BREAK = 1e-6  # the exact distance decides between equal costs only


def group_peaks(
    scores: np.ndarray,
    tags: np.ndarray,
    keypoint: np.ndarray,
    keypoint_order: Sequence[int],
    tag_thr: float,
) -> np.ndarray:
    """Assign the peaks of one image to people by their tags.

    Keypoint by keypoint, the peaks are matched with the people found so far:
    first by the rounded distance of tags, then by score (Hungarian). A peak
    that is left over, or farther than ``tag_thr``, starts a new person.

    Args:
        scores (np.ndarray): (M, ).
        tags (np.ndarray): (M, L).
        keypoint (np.ndarray): (M, ), keypoint of each peak, ascending.
        keypoint_order (Sequence[int]): K keypoints, the most certain first.
        tag_thr (float): Largest distance to a person's mean tag.

    Returns:
        np.ndarray: (G, K), index of the peak of each keypoint, -1 for none.
    """
    K = len(keypoint_order)
    first = np.searchsorted(keypoint, np.arange(K + 1))
    people = np.full((len(scores), K), -1)
    total = np.zeros((len(scores), tags.shape[1]), dtype=np.float64)
    count = np.zeros(len(scores), dtype=np.int64)
    G = 0
    for k in keypoint_order:
        peaks = np.arange(first[k], first[k + 1])  # (m, )
        owner = np.full(len(peaks), -1)
        if G and len(peaks):
            means = total[:G] / count[:G, None]
            distance = np.linalg.norm(tags[peaks, None] - means, axis=2)
            near = distance < tag_thr  # (m, G)
            height = scores[peaks, None]  # (m, 1)
            level = np.where(near, np.round(distance), tag_thr + 1)
            cost = TAG_WEIGHT * level - height * (
                1 - TIE_BREAK * near * distance
            )
            rows, columns = linear_sum_assignment(cost)
            near = near[rows, columns]
            owner[rows[near]] = columns[near]
        new = owner < 0
        owner[new] = G + np.arange(new.sum())
        G += int(new.sum())
        people[owner, k] = peaks
        total[owner] += tags[peaks]
        count[owner] += 1
    return people[:G]


class DecodedPeople(NamedTuple):
    """Hold the people of an image.

    ``points`` (G, K, 2) in cells; ``scores`` (G, K), heatmap values;
    ``person_scores`` (G, ), the mean score of the keypoints, 0 for those
    without a peak.
    """

    points: np.ndarray
    scores: np.ndarray
    person_scores: np.ndarray


@torch.no_grad()
def decode_people(
    heatmaps: Tensor,
    tags: Tensor,
    keypoint_order: Sequence[int],
    threshold: float = 0.1,
    tag_thr: float = 1.0,
    kernel: int = 5,
    topk: int = 30,
    max_people: Optional[int] = None,
    center_shift: Optional[float] = None,
) -> List[DecodedPeople]:
    """Decode a batch of maps.

    1. Find the peaks of all images and keypoints, and refine them.
    2. Group the peaks of each image by their tags.
    3. Search the keypoints that are missing.

    Args:
        heatmaps (Tensor): (B, K, H, W), -inf where no person can be.
        tags (Tensor): (B, L * K, H, W), the first tag of all keypoints first.
        keypoint_order (Sequence[int]): See :func:`group_peaks`.
        threshold (float): A peak is higher than that.
        tag_thr (float): Largest distance to a person's mean tag.
        kernel (int): Odd side of the window of a peak, in cells.
        topk (int): Largest number of peaks of a keypoint.
        max_people (int, optional): Largest number of people of an image.
        center_shift (float, optional): Put peaks that far, in cells, from the
            corners of their cells and searched keypoints on the corners, as
            MMPose does. Defaults to None, the centres of the cells.
    """
    B, K = heatmaps.shape[:2]
    heatmaps = pad_to_blocks(heatmaps, float('-inf'))
    tags = pad_to_blocks(tags, 0).unflatten(1, (-1, K))  # (B, L, K, H, W)
    peaks = gather_peaks(heatmaps, tags, threshold, kernel, topk)
    ends = np.searchsorted(peaks.channel, K * np.arange(B + 1))
    decoded = []
    for b in range(B):
        image_peaks = Peaks(
            *(values[ends[b] : ends[b + 1]] for values in peaks)
        )
        people = group_peaks(
            image_peaks.scores,
            image_peaks.tags,
            image_peaks.channel - K * b,
            keypoint_order,
            tag_thr,
        )[:max_people]
        missing = people < 0
        scores = np.where(missing, 0, image_peaks.scores[people])
        points, person_scores = image_peaks.points[people], scores.mean(axis=1)
        if missing.any():
            points[missing], scores[missing] = search_keypoints(
                people,
                image_peaks.tags[people],
                heatmaps[b],
                tags[b].transpose(0, 1),
            )
        if center_shift is not None:
            points += np.where(missing, 0, center_shift)[..., None] - 0.5
        decoded.append(DecodedPeople(points, scores, person_scores))
    return decoded
