"""Matching costs: one class for each term of Eq. 1 to 3.

Source: POET (arXiv 2103.12115v1), Eq. 1-3.

Letters: L decoder layers, B images, Q queries, N the most people of an image,
C person classes, F values of a field per person.
"""

from typing import Mapping

import torch
from mmpose.registry import TASK_UTILS
from torch import Tensor
from torch.nn import functional as F

from ..targets import check_field, field_weights, get_field


@TASK_UTILS.register_module()
class PersonProbabilityCost:
    """Compute ``-p(class of the person)``, Eq. 1.

    Args:
        weight (float): Factor. Defaults to 1.
    """

    def __init__(self, weight: float = 1.0) -> None:
        self.weight = weight

    def __call__(self, outputs: Mapping, people: Mapping) -> Tensor:
        """Return the cost (L, B, Q, N) of ``logits`` and ``labels`` (B, N)."""
        # softmax over a short last dimension is slow
        logits = outputs['logits'].movedim(-1, 0).contiguous()
        classes = F.one_hot(people['labels'], len(logits))  # (B, N, C + 1)
        probs = torch.einsum(
            'clbq,bnc->lbqn', logits.softmax(0), classes.to(logits)
        )
        return -self.weight * probs


class _FieldCost:
    """Compute a cost of one field.

    Args:
        field (str): ``keypoints``, ``offsets``, ``centers``, ``visibility``.
        weight (float): Factor. Defaults to 1.
    """

    def __init__(self, field: str, weight: float = 1.0) -> None:
        self.field = check_field(field)
        self.weight = weight

    def _flat_fields(self, outputs: Mapping, people: Mapping) -> tuple:
        """Return prediction (L, B, Q, F), target and weights (B, N, F)."""
        true = get_field(people, self.field)  # (B, N, ...)
        weights = field_weights(people, self.field).expand_as(true)
        pred = get_field(outputs, self.field).flatten(3)
        return pred, true.flatten(2), weights.flatten(2)


@TASK_UTILS.register_module()
class KeypointL1Cost(_FieldCost):
    """Sum absolute differences over supervised keypoints, Eq. 3.

    With weights w of 0 and 1, ``sum w |p - t|`` equals ``sum |p - w t| - sum
    (1 - w) |p|``. These are a distance and a product of matrices. They need no
    tensor of all pairs and keypoints.
    """

    def __call__(self, outputs: Mapping, people: Mapping) -> Tensor:
        """Return the cost (L, B, Q, N) of predicted fields and people."""
        pred, true, weights = self._flat_fields(outputs, people)
        true = (true * weights).expand(len(pred), -1, -1, -1)
        unsupervised = torch.einsum('lbqf,bnf->lbqn', pred.abs(), 1 - weights)
        return self.weight * (torch.cdist(pred, true, p=1) - unsupervised)


@TASK_UTILS.register_module()
class L2Cost(_FieldCost):
    """Compute the Euclidean distance of a field, squared as in Eq. 3.

    For fields with one weight per person: ``centers`` and ``visibility``.

    Args:
        squared (bool): False takes the plain norm, as the authors' release
            does. Defaults to True.
    """

    def __init__(
        self, field: str, weight: float = 1.0, squared: bool = True
    ) -> None:
        super().__init__(field, weight)
        if field not in ('centers', 'visibility'):
            raise ValueError(
                f'L2Cost got field={field!r}; allowed are '
                "'centers' and 'visibility'."
            )
        self.squared = squared

    def __call__(self, outputs: Mapping, people: Mapping) -> Tensor:
        """Return the cost (L, B, Q, N) of predicted fields and people."""
        pred, true, weights = self._flat_fields(outputs, people)
        cost = torch.cdist(
            pred,
            true.expand(len(pred), -1, -1, -1),
            compute_mode='donot_use_mm_for_euclid_dist',  # exact near 0
        )
        cost = cost.square() if self.squared else cost
        return self.weight * cost * weights[:, None, :, 0]
