"""Ground truth of a batch, concatenated over the images.

A batch has M people in all: those of the first image, of the second, and so
on. ``num_people`` is the number of people of each image.

Letters: B images, M people of the batch, K keypoints.
"""

from typing import Dict, List, Mapping, Tuple

import numpy as np
import torch
from mmpose.utils.typing import SampleList
from torch import Tensor

Fields = Dict[str, Tensor]  # by name, see POETHead.forward

FIELDS = ('centers', 'offsets', 'visibility', 'keypoint_weights', 'labels')
OPTIONAL = ('scales',)  # for the OKS, as a loss and as a measure
SUPERVISED = ('keypoints', 'offsets', 'centers', 'visibility')


def stack_targets(data_samples: SampleList) -> Tuple[Fields, List[int]]:
    """Concatenate what :class:`POETCodec` encoded for every image.

    Returns:
        tuple: The fields ``centers`` (M, 2), ``offsets`` (M, K, 2),
        ``visibility`` and ``keypoint_weights`` (M, K), ``labels`` (M, ) and,
        where the areas of people are known, ``scales`` (M, 2); and the number
        of people of each of the B images.
    """
    labels = [sample.gt_instance_labels for sample in data_samples]
    missing = [name for name in FIELDS if name not in labels[0]]
    if missing:
        raise KeyError(
            f'The training target lacks {missing}: the pipeline needs '
            "dict(type='GenerateTarget', encoder=dict(type='POETCodec')) "
            'before PackPoseInputs.'
        )
    num_people = [len(label.labels) for label in labels]
    targets = {
        name: torch.cat([label[name] for label in labels])
        for name in FIELDS + OPTIONAL
        if all(name in label for label in labels)
    }
    return targets, num_people


def rows_of_images(num_people: List[int]) -> Tuple[Tensor, np.ndarray]:
    """Return the people of each image as a padded row of indices.

    Returns:
        tuple: Indices (B, N) into the M people, 0 in padded slots, N the most
        people of an image; and a mask (B, N), True where there is a person,
        on the host, where the assignment needs it.
    """
    counts = np.asarray(num_people)
    starts = np.cumsum(counts) - counts
    slot = np.arange(counts.max())
    is_person = slot < counts[:, None]
    row = np.where(is_person, starts[:, None] + slot, 0)
    return torch.from_numpy(row), is_person


def get_field(values: Mapping[str, Tensor], field: str) -> Tensor:
    """Return a field; ``keypoints`` are derived, never stored twice."""
    if field == 'keypoints':
        return values['centers'].unsqueeze(-2) + values['offsets']
    return values[field]


def field_weights(targets: Mapping[str, Tensor], field: str) -> Tensor:
    """Return 1 where a field is supervised, broadcastable to the field.

    Coordinates count where ``keypoint_weights`` is 1, centres where any weight
    of the person is 1, visibility always.
    """
    weights = targets['keypoint_weights']  # (..., K)
    if field in ('keypoints', 'offsets'):
        return weights.unsqueeze(-1)  # (..., K, 1)
    if field == 'centers':
        return (weights.sum(-1, keepdim=True) > 0).to(weights)  # (..., 1)
    assert field == 'visibility'
    return torch.ones_like(weights)


def check_field(field: str) -> str:
    """Raise if a config names a field that does not exist."""
    if field not in SUPERVISED:
        raise ValueError(
            f'No field {field!r} to match or supervise; there '
            f'are {", ".join(SUPERVISED)}.'
        )
    return field
