"""Sums over batches and ranks, and the people-weighted means of them.

Totals are numbers and arrays (L, ) by name: the sums of :class:`SetLoss` with
their divisors ``class_weight`` and ``num_people``, and those of
:func:`match_quality` with theirs.

Letters: L decoder layers, P matched pairs.
"""

from typing import Dict, Mapping, Union

import numpy as np
import torch
from mmengine.dist import all_gather_object
from torch import Tensor

from ...models.losses.oks import matched_oks
from ...models.losses.pose_set_loss import SetLoss, name_layers
from ...models.targets import get_field

Totals = Dict[str, Union[float, np.ndarray, Tensor]]

# What the sum of a name is divided by, if not by the number of people
DIVISORS = dict(
    loss_cls='class_weight',
    oks='num_with_joints',
    found_per_image='num_images',
    people_per_image='num_images',
)
COUNTS = ('class_weight', 'num_people', 'num_with_joints', 'num_images')
FOUND = 0.5  # probability from which on a person is found


@torch.no_grad()
def match_quality(batch: SetLoss, sigmas: Tensor) -> Totals:
    """What the matched pairs of a batch tell, summed, on their device.

    Args:
        batch (SetLoss): From :meth:`PoseSetLoss.measure`.
        sigmas (Tensor): (K, ), on the same device.

    Returns:
        dict: ``found_per_image`` (L, ), people whose query gives their class
        more than half of the probability, and ``people_per_image``, all there
        are; where areas are known also ``oks`` (L, ), over the supervised
        joints of people who have one, and how many these are,
        ``num_with_joints`` (L, ).
    """
    labels = batch.true['labels'][..., None]  # (L, P, 1)
    probs = batch.matched['logits'].softmax(-1).gather(-1, labels)
    totals = dict(
        num_people=batch.num_people,
        num_images=batch.num_images,
        people_per_image=batch.num_people,
        found_per_image=(probs > FOUND).sum((1, 2)),
    )
    if 'scales' in batch.true:
        weights = batch.true['keypoint_weights']  # (L, P, K)
        oks = matched_oks(
            get_field(batch.matched, 'keypoints'),
            get_field(batch.true, 'keypoints'),
            weights,
            batch.true['scales'],
            sigmas,
        )
        totals.update(
            oks=oks.sum(1), num_with_joints=(weights.sum(-1) > 0).sum(1)
        )
    return totals


def loss_totals(batch: SetLoss) -> Totals:
    """The sums of a batch's losses and what they are to be divided by."""
    return dict(
        batch.sums,
        class_weight=batch.class_weight,
        num_people=batch.num_people,
    )


def add(totals: Totals, values: Mapping) -> Totals:
    """Sum by name; what is not there counts as 0."""
    sums = {name: totals.get(name, 0) + x for name, x in values.items()}
    return {**totals, **sums}


def to_host(totals: Totals) -> Totals:
    """Tensors -> float64 arrays, so that long sums do not round."""
    return {
        name: x.double().cpu().numpy() if isinstance(x, Tensor) else x
        for name, x in totals.items()
    }


def sum_over_ranks(totals: Totals) -> Totals:
    """Totals of all ranks, on the host; a rank may have none."""
    everything: Totals = {}
    for values in all_gather_object(to_host(totals)):
        everything = add(everything, values)
    return everything


def means(totals: Totals) -> Dict[str, float]:
    """Totals, on the host, -> means by layer and name, see ``name_layers``;
    what all layers share has its name only.

    Losses have the divisors of training, as if all that was summed had been
    one batch. Qualities without a person are left out.
    """
    result = {}
    for name, x in totals.items():
        if name in COUNTS:
            continue
        count = totals[DIVISORS.get(name, 'num_people')]
        if name.startswith('loss_') and name != 'loss_cls':
            count = max(count, 1)
        if np.all(count):
            result[name] = x / count
    layers = {name: x for name, x in result.items() if np.ndim(x)}
    if layers:
        result.update(name_layers(layers))
    return {name: float(x) for name, x in result.items()}
