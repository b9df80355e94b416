"""Compare runtimes of an exported POET with the model on images.

``parity.py`` compares numbers on noise. A graph of lower precision cannot have
the same numbers, so the people that the model finds in a data set are
compared: their keypoints, in pixels, their scores, and AP.

Letters: Q queries, K keypoints, N people.
"""

import time
from typing import (
    Callable,
    Dict,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

import numpy as np
from mmpose.evaluation.metrics import CocoMetric
from tabulate import tabulate
from torch import nn
from torch.utils.data import DataLoader

from ..errors import UserError
from ..evaluation.keypoint_metric import silence
from ..evaluation.subset import add_people, build_subset_metric
from ..models.instances import to_original
from .parity import Run, pad_images, reference_poses

PERSON_SCORE = 0.5  # least score of a person of the model
MODEL = 'model'  # its name among the runtimes
HEADERS = ('', 'pixels', 'largest', 'score', 'AP', 'ms/image')
FORMATS = ('', '.3f', '.2f', '.4f', '.3f', '.1f')

Poses = Sequence[np.ndarray]  # see last_poses
Predict = Callable[[np.ndarray], Poses]


class Agreement(NamedTuple):
    """Hold how a runtime's people differ from the model's N people.

    Attributes:
        people (int): N.
        pixels (float): Mean distance, see :func:`person_gaps`, in pixels of
            the network's input.
        largest (float): Largest distance, of one person.
        score (float): Mean difference of the scores.
        ap (float): AP of the runtime, in [0, 1]; COCO's -1 without labels.
        milliseconds (float): Median time of an image, without loading it.
    """

    people: int
    pixels: float
    largest: float
    score: float
    ap: float
    milliseconds: float


class Limits(NamedTuple):
    """Hold the largest differences that are allowed."""

    pixels: float
    score: float
    ap: float


LIMITS = dict(
    fp32=Limits(pixels=0.01, score=0.001, ap=0.001),
    fp16=Limits(pixels=0.5, score=0.005, ap=0.005),
    int8=Limits(pixels=2.0, score=0.02, ap=0.02),
)


class Record:
    """Collect what one runtime finds, image by image.

    Args:
        predict (callable): Takes an image (h, w, 3), uint8, RGB; returns
            :func:`last_poses` of a batch of 1.
        metric (CocoMetric): Gets the people.
    """

    def __init__(self, predict: Predict, metric: CocoMetric) -> None:
        self.predict, self.metric = predict, metric
        self.seconds: List[float] = []
        self.gaps: List[np.ndarray] = []

    def add(
        self, image: np.ndarray, metainfo: Mapping, expected: Optional[Poses]
    ) -> Poses:
        """Find the people of an image, and return them.

        Args:
            image (np.ndarray): (h, w, 3), uint8, RGB.
            metainfo (Mapping): Of its data sample.
            expected (Poses, optional): Of the model; None if this is it.
        """
        start = time.perf_counter()
        poses = self.predict(image)
        self.seconds.append(time.perf_counter() - start)
        size = np.float32(image.shape[1::-1])  # w, h
        self.gaps.append(person_gaps(expected or poses, poses, size))
        scores, keypoints, visibility, _ = (values[0] for values in poses)
        points = to_original(keypoints * size, metainfo)
        add_people(self.metric, metainfo['img_id'], scores, points, visibility)
        return poses

    def result(self) -> Agreement:
        """Return the numbers of all images."""
        with silence():
            metrics = self.metric.evaluate(len(self.seconds))
        (ap,) = (v for name, v in metrics.items() if name.endswith('/AP'))
        pixels, score = np.concatenate(self.gaps, 1)
        return Agreement(
            len(pixels),
            pixels.mean(),
            pixels.max(),
            score.mean(),
            ap,
            1000 * np.median(self.seconds),
        )


def person_gaps(expected: Poses, found: Poses, size: np.ndarray) -> np.ndarray:
    """Return the distances of the model's N people from the nearest poses.

    Args:
        expected (Poses): Of the model.
        found (Poses): Of a runtime. Its queries may have another order.
        size (np.ndarray): Width and height in pixels.

    Returns:
        np.ndarray: (2, N), the distance in pixels, a mean over the keypoints
        that is weighted by the model's visibility (equally if all are 0), and
        that of the scores.
    """
    scores, keypoints, visibility, _ = (values[0] for values in expected)
    people = scores >= PERSON_SCORE
    weights = visibility[people]  # (N, K)
    weights = np.where(weights.any(-1, keepdims=True), weights, 1)
    weights = weights / weights.sum(-1, keepdims=True)
    offsets = (keypoints[people][:, None] - found[1]) * size  # (N, Q, K, 2)
    distances = np.linalg.norm(offsets, axis=-1)  # (N, Q, K)
    distances = np.einsum('nqk,nk->nq', distances, weights)
    nearest = distances.argmin(1)  # (N, )
    score = abs(scores[people] - found[0][0, nearest])
    return np.stack([distances.min(1), score])


def pad_image(
    image: np.ndarray, divisor: int, padding_mask: bool
) -> Tuple[np.ndarray, ...]:
    """Return the inputs of a graph for one image.

    Args:
        image (np.ndarray): (h, w, 3), uint8, RGB.
        divisor (int): Height and width become multiples of it.
        padding_mask (bool): True if the graph has that input.

    Raises:
        UserError: The image needs padding, and the graph has no mask.
    """
    arrays = pad_images([image], divisor)
    if not padding_mask and arrays[1].any():
        raise UserError(
            f'The graph has no padding mask, and an image of '
            f'{image.shape[0]} x {image.shape[1]} pixels must be padded to '
            f'multiples of {divisor}. Add --padding-mask.'
        )
    return arrays[: 1 + padding_mask]


def images_of(loader: DataLoader) -> Iterator[Tuple[np.ndarray, Mapping]]:
    """Yield images (h, w, 3), uint8, RGB, and metainfos of a loader."""
    for batch in loader:
        for planes, sample in zip(batch['inputs'], batch['data_samples']):
            image = planes.permute(1, 2, 0).numpy()[..., ::-1]
            yield image, sample.metainfo


def compare_on_images(
    model: nn.Module,
    runs: Mapping[str, Run],
    loader: DataLoader,
    metric_cfg: dict,
    padding_mask: bool,
) -> Dict[str, Agreement]:
    """Compare runtimes with the model on the labelled images of a loader.

    Args:
        model (nn.Module): In eval mode, on the CPU.
        runs (dict[str, Run]): Runtimes by name.
        loader (DataLoader): From the test pipeline of the model's config.
        metric_cfg (dict): Config of a ``CocoMetric``.
        padding_mask (bool): True if the graph has that input.

    Returns:
        dict[str, Agreement]: Of the runtimes by name, first :data:`MODEL`.

    Raises:
        UserError: The model finds no person.
    """
    divisor = model.data_preprocessor.pad_size_divisor

    def predictor(run: Run) -> Predict:
        return lambda image: run(*pad_image(image, divisor, padding_mask))

    predictors = {MODEL: lambda image: reference_poses(model, [image])}
    predictors.update({name: predictor(run) for name, run in runs.items()})
    with silence():
        records = {
            name: Record(
                predict, build_subset_metric(metric_cfg, loader.dataset)
            )
            for name, predict in predictors.items()
        }
    for image, metainfo in images_of(loader):
        expected = None
        for record in records.values():  # the model is first
            poses = record.add(image, metainfo, expected)
            expected = expected or poses
    if not sum(gaps.shape[1] for gaps in records[MODEL].gaps):
        raise UserError(
            f'The model finds no person with a score of {PERSON_SCORE} in '
            f'{len(loader.dataset)} images, so there is nothing to compare. '
            'Give a trained checkpoint, or images with people.'
        )
    return {name: record.result() for name, record in records.items()}


def format_table(agreements: Mapping[str, Agreement]) -> str:
    """Return a table with a row for each runtime."""
    rows = [
        (name, *n._replace(ap=n.ap if n.ap >= 0 else None)[1:])
        for name, n in agreements.items()
    ]
    return tabulate(
        rows,
        HEADERS,
        tablefmt='plain',
        floatfmt=FORMATS,
        numalign='right',
        missingval='-',
    )


def require_agreement(
    agreements: Mapping[str, Agreement], precision: str
) -> None:
    """Check the runtimes against the limits of a precision.

    Raises:
        UserError: A difference is too large.
    """
    limits = LIMITS[precision]
    for name, numbers in agreements.items():
        lost_ap = agreements[MODEL].ap - numbers.ap
        for what, value, limit in (
            ('pixels', numbers.pixels, limits.pixels),
            ('in score', numbers.score, limits.score),
            ('in AP', lost_ap, limits.ap),
        ):
            if not value <= limit:  # also if it is NaN
                raise UserError(
                    f'{name} in {precision} differs from the model by '
                    f'{value:.3g} {what}, more than {limit:.3g}, so the file '
                    'was not written. Take a higher --precision.'
                )
