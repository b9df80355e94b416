"""Sum losses and match quality over batches and ranks, and divide them.

``Totals`` maps a name to a tensor (2, L), or (2, ) for a value without layers.
Row 0 is a sum, row 1 its divisor. Both are accumulated separately, so that
means do not depend on how images are batched.

Letters: L decoder layers, P matched pairs, K keypoints.
"""

from typing import Dict, Union

import torch
from mmengine.dist import all_gather_object
from torch import Tensor

from ...models.losses.oks import matched_oks
from ...models.losses.pose_set_loss import SetLoss, name_layers
from ...models.targets import get_field

Totals = Dict[str, Tensor]

# A person counts as found if the class probability of its query is above this.
FOUND_THR = 0.5


def with_divisor(
    total: Union[float, Tensor], divisor: Union[float, Tensor]
) -> Tensor:
    """Stack a sum (L, ) or a number, and its divisor, as (2, L) or (2, )."""
    total = torch.as_tensor(total, dtype=torch.float32)
    divisor = torch.as_tensor(divisor).to(total)
    return torch.stack(torch.broadcast_tensors(total, divisor))


@torch.no_grad()
def match_totals(batch: SetLoss, sigmas: Tensor) -> Totals:
    """Return the totals of OKS and of people found, over the matched pairs.

    Args:
        batch (SetLoss): From :meth:`PoseSetLoss.measure`.
        sigmas (Tensor): (K, ), on the same device.

    Returns:
        dict: ``people_per_image``; ``found_per_image``, per layer the people
        whose query gives their class a probability above 0.5; and, if the
        areas of people are known, ``oks`` per layer, over the people that
        have a supervised keypoint.
    """
    labels = batch.true['labels'][..., None]  # (L, P, 1)
    probs = batch.matched['logits'].softmax(-1).gather(-1, labels)
    found = (probs > FOUND_THR).sum((1, 2))  # (L, )
    totals = dict(
        people_per_image=with_divisor(batch.num_people, batch.num_images),
        found_per_image=with_divisor(found, batch.num_images),
    )
    if 'scales' in batch.true:
        weights = batch.true['keypoint_weights']  # (L, P, K)
        oks = matched_oks(
            get_field(batch.matched, 'keypoints'),
            get_field(batch.true, 'keypoints'),
            weights,
            batch.true['scales'],
            sigmas,
        )  # (L, P)
        supervised = weights.sum(-1) > 0  # (L, P)
        totals['oks'] = with_divisor(oks.sum(1), supervised.sum(1))
    return totals


def loss_totals(batch: SetLoss) -> Totals:
    """Return the loss terms of a batch, with the divisors of training."""
    return {
        name: with_divisor(
            total,
            batch.class_weight if name == 'loss_cls' else batch.num_people,
        )
        for name, total in batch.sums.items()
    }


def add(totals: Totals, others: Totals) -> Totals:
    """Add totals by name; a missing total counts as 0."""
    return {**totals, **{k: totals.get(k, 0) + x for k, x in others.items()}}


def as_cpu_double(totals: Totals) -> Totals:
    """Return totals as float64 on the CPU, so that long sums do not round."""
    return {name: x.cpu().double() for name, x in totals.items()}


def sum_over_ranks(totals: Totals) -> Totals:
    """Return the totals of all ranks, on the CPU. A rank may have none."""
    result: Totals = {}
    for others in all_gather_object(as_cpu_double(totals)):
        result = add(result, others)
    return result


def means(totals: Totals) -> Dict[str, float]:
    """Divide totals on the CPU, and name the layers like training losses.

    Without people, losses are 0 as in training, and qualities are left out.
    """
    result = {}
    for name, (total, divisor) in totals.items():
        if divisor.all():
            result[name] = total / divisor
        elif name.startswith('loss_'):
            result[name] = total
    layers = {name: x for name, x in result.items() if x.ndim}
    if layers:
        result.update(name_layers(layers))
    return {name: float(x) for name, x in result.items()}
