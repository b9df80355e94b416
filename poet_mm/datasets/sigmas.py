"""Estimate the sigmas of a data set from two annotations of the same people.

COCO (https://cocodataset.org/#keypoints-eval, 1.3 "Tuning OKS") annotated
5,000 images redundantly and computed sigma_i^2 = E[d_i^2 / s^2], with s^2 the
area of the person. So d_i is a distance in the plane, d^2 = dx^2 + dy^2: with
a variance of v per axis, sigma^2 = 2 v / s^2. COCO does not say from where d_i
is measured. It calls sigma_i the standard deviation, and says that about 68 %
(measured: 75 %) of the annotated keypoints are within sigma_i s of the ground
truth. So d_i is the distance of ONE annotator from the ground truth.

Here the ground truth is unknown, and D is the distance between two annotators.
If their errors are independent and of the same size, E[D^2] = 2 E[d^2], and

    sigma_i^2 = E[D_i^2 / s^2] / 2.

This is the unbiased variance about the mean of both annotators. If one file is
the ground truth itself, multiply the sigmas by the square root of 2.

Letters: N pairs of people, K keypoints, n labelled pairs of one keypoint.
"""

from typing import List, NamedTuple, Optional, Tuple

import numpy as np
from mmpose.datasets.datasets.utils import parse_pose_metainfo

from ..errors import UserError
from ..evaluation.oks import (
    People,
    keypoint_similarity,
    labelled_people,
    match_people,
)
from ..utils.annotation_files import look
from .annotations import Images, choose_usable, read_annotations, warn
from .skeleton import common_category, make_metainfo, names_of, write_metainfo

LOOSE_SIGMA = 0.1  # to find the same person; about COCO's largest
FEW_PAIRS = 30
RESAMPLES = 1000  # of the bootstrap
PERCENTILES = (2.5, 97.5)


class Sigma(NamedTuple):
    """Hold the sigma of a keypoint, None without a pair."""

    keypoint: str
    pairs: int  # n
    sigma: Optional[float]
    low: Optional[float]  # of the 95 % confidence interval
    high: Optional[float]


def pair_images(first: Images, second: Images) -> List[tuple]:
    """Return the ids (first, second) of the images that both files have.

    Images are the same if their ``file_name`` is; if the files have no name in
    common, if their ``id`` is.

    Args:
        first (dict): Image id -> entry of the first file.
        second (dict): The same of the second file.
    """
    names = {image['file_name']: key for key, image in second.items()}
    pairs = [
        (key, names[image['file_name']])
        for key, image in first.items()
        if image['file_name'] in names
    ]
    return pairs or [(key, key) for key in first if key in second]


def squared_distances(first: People, second: People) -> np.ndarray:
    """Pair the people of an image, and compare their keypoints.

    People are paired one to one for the highest sum of OKS over the keypoints
    that both annotators labelled, with :data:`LOOSE_SIGMA`.

    Returns:
        np.ndarray: (N, K), squared distance / area; NaN if a keypoint is not
        labelled twice. The area is the mean of both.
    """
    K = first.keypoints.shape[1]
    similarity = keypoint_similarity(
        second.keypoints, first.keypoints, first.area, np.full(K, LOOSE_SIGMA)
    )  # (people of second, people of first, K)
    both = (second.visibility[:, None] > 0) & (first.visibility > 0)
    oks = (similarity * both).sum(-1) / np.maximum(both.sum(-1), 1)
    match = match_people(oks)
    b, a = match.queries, match.people
    squares = ((second.keypoints[b] - first.keypoints[a]) ** 2).sum(-1)
    area = (first.area[a] + second.area[b])[:, None] / 2  # (N, 1)
    usable = both[b, a] & (area > 0)
    return np.where(usable, squares / np.where(area > 0, area, 1), np.nan)


def estimate_sigma(
    squares: np.ndarray, rng: np.random.Generator
) -> Tuple[float, float, float]:
    """Return a sigma and the ends of its 95 % confidence interval.

    Args:
        squares (np.ndarray): (n, ), squared distance between two annotators /
            area, n > 0.
        rng (np.random.Generator): Draws the resamples of the bootstrap.
    """
    means = [
        rng.choice(squares, len(squares)).mean() for _ in range(RESAMPLES)
    ]
    values = [squares.mean(), *np.percentile(means, PERCENTILES)]
    sigma, low, high = (round(float(np.sqrt(x / 2)), 4) for x in values)
    return sigma, low, high


def estimate_sigmas(
    squares: np.ndarray, names: List[str], seed: int = 0
) -> List[Sigma]:
    """Return the sigmas of K keypoints, and warn of those with few pairs.

    Args:
        squares (np.ndarray): (N, K), from :func:`squared_distances`.
        names (list[str]): Of the K keypoints.
        seed (int): Of the bootstrap. Defaults to 0.
    """
    rng = np.random.default_rng(seed)
    sigmas = []
    for name, column in zip(names, squares.T):
        column = column[np.isfinite(column)]
        found = (None, None, None)
        if len(column):
            found = estimate_sigma(column, rng)
        sigmas.append(Sigma(name, len(column), *found))
    few = [f'{s.keypoint} ({s.pairs})' for s in sigmas if s.pairs < FEW_PAIRS]
    if few:
        warn(
            f'Fewer than {FEW_PAIRS} pairs: {", ".join(few)}. Annotate more '
            'people twice.'
        )
    return sigmas


def compare_annotators(
    first: str, second: str
) -> Tuple[List[Sigma], dict, dict]:
    """Estimate the sigmas from two annotation files.

    Args:
        first (str): Annotation file in COCO's layout.
        second (str): Another one of the same images, by another annotator.

    Returns:
        tuple: Sigmas; the metainfo with them; ``images`` and ``people``, the
        numbers of those that both files have.

    Raises:
        UserError: The files have other keypoints, no common image, no common
            person, or equal coordinates.
    """
    category = common_category([look(first), look(second)])
    if category is None:
        raise UserError(
            f'No category of {first!r} or {second!r} names keypoints. Name '
            'all keypoints in categories.'
        )
    names, metainfo = names_of(category), make_metainfo(category)
    parsed = parse_pose_metainfo(metainfo)
    (images, people), (others, their_people) = (
        choose_usable(read_annotations(path), parsed, 'raise', path)
        for path in (first, second)
    )
    pairs = pair_images(images, others)
    if not pairs:
        raise UserError(
            f'{first!r} ({len(images)} images) and {second!r} ({len(others)}) '
            'have no image in common: neither a file_name nor an id. Give two '
            'annotations of the same images.'
        )
    squares = np.concatenate(
        [
            squared_distances(
                labelled_people(people.get(a, []), len(names)),
                labelled_people(their_people.get(b, []), len(names)),
            )
            for a, b in pairs
        ]
    )
    check_pairs(squares, len(pairs), first, second)
    sigmas = estimate_sigmas(squares, names)
    metainfo['sigmas'] = [
        each.sigma or old for each, old in zip(sigmas, metainfo['sigmas'])
    ]
    return sigmas, metainfo, dict(images=len(pairs), people=len(squares))


def check_pairs(
    squares: np.ndarray, images: int, first: str, second: str
) -> None:
    """Raise a UserError without a pair of people, or if all are equal."""
    if not np.isfinite(squares).any():
        raise UserError(
            f'{first!r} and {second!r} have {images} images in common, and no '
            'person in both at about the same place. Give two annotations of '
            'the same people.'
        )
    if not np.nansum(squares):
        raise UserError(
            f'{first!r} and {second!r} have the same coordinates for all '
            f'{len(squares)} people. Give annotations of two annotators who '
            'did not see the work of each other.'
        )


def write_sigmas(
    sigmas: List[Sigma], metainfo: dict, path: str, first: str
) -> None:
    """Write the metainfo with estimated sigmas.

    Raises:
        UserError: The file cannot be written.
    """
    without = [each.keypoint for each in sigmas if not each.sigma]
    note = 'The sigmas are estimated from two annotators.'
    if without:
        note += f' Not estimated: {", ".join(without)}.'
        warn(
            f'No sigma for {", ".join(without)}: the old or guessed value is '
            'kept.'
        )
    write_metainfo(metainfo, path, first, note)
