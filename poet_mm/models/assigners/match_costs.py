"""Matching costs: one term of Eq. 1 to 3 each, for all pairs at once.

Source: POET (arXiv 2103.12115), Eq. 1-3.

Letters: L decoder layers, B images, Q queries, N the most people of an image,
F numbers of a field.
"""

from typing import Mapping

import torch
from mmpose.registry import TASK_UTILS
from torch import Tensor
from torch.nn import functional as F

from ..targets import check_field, field_weights, get_field


@TASK_UTILS.register_module()
class PersonProbabilityCost:
    """``-p(class of the person)``, Eq. 1.

    Args:
        weight (float): Factor. Defaults to 1.
    """

    def __init__(self, weight: float = 1.0) -> None:
        self.weight = weight

    def __call__(self, outputs: Mapping, people: Mapping) -> Tensor:
        """``logits`` (L, B, Q, C + 1), ``labels`` (B, N) -> (L, B, Q, N)."""
        # over a first dimension softmax is vectorised, over a short last not
        logits = outputs['logits'].movedim(-1, 0).contiguous()
        classes = F.one_hot(people['labels'], len(logits))  # (B, N, C + 1)
        probs = torch.einsum(
            'clbq,bnc->lbqn', logits.softmax(0), classes.to(logits)
        )
        return -self.weight * probs


class _FieldCost:
    """A cost of one field.

    Args:
        field (str): ``keypoints``, ``offsets``, ``centers``, ``visibility``.
        weight (float): Factor. Defaults to 1.
    """

    def __init__(self, field: str, weight: float = 1.0) -> None:
        self.field = check_field(field)
        self.weight = weight

    def _flat_fields(self, outputs: Mapping, people: Mapping) -> tuple:
        """Prediction (L, B, Q, F), truth and weights (B, N, F)."""
        true = get_field(people, self.field)  # (B, N, ...)
        weights = field_weights(people, self.field).expand_as(true)
        pred = get_field(outputs, self.field).flatten(3)
        return pred, true.flatten(2), weights.flatten(2)


@TASK_UTILS.register_module()
class KeypointL1Cost(_FieldCost):
    """Sum of absolute differences over supervised keypoints, Eq. 3.

    With weights w of 0 and 1, ``sum w |p - t|`` is ``sum |p - w t|`` less
    ``sum (1 - w) |p|``: a distance and a product of matrices, without a tensor
    of all pairs and keypoints.
    """

    def __call__(self, outputs: Mapping, people: Mapping) -> Tensor:
        """Fields (L, B, Q, ...) and (B, N, ...) -> cost (L, B, Q, N)."""
        pred, true, weights = self._flat_fields(outputs, people)
        true = (true * weights).expand(len(pred), -1, -1, -1)
        surplus = torch.einsum('lbqf,bnf->lbqn', pred.abs(), 1 - weights)
        return self.weight * (torch.cdist(pred, true, p=1) - surplus)


@TASK_UTILS.register_module()
class L2Cost(_FieldCost):
    """Euclidean distance of a field, squared as in Eq. 3.

    For fields that a person has as a whole or not at all: ``centers`` and
    ``visibility``.

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
        """Fields (L, B, Q, ...) and (B, N, ...) -> cost (L, B, Q, N)."""
        pred, true, weights = self._flat_fields(outputs, people)
        cost = torch.cdist(
            pred,
            true.expand(len(pred), -1, -1, -1),
            compute_mode='donot_use_mm_for_euclid_dist',
        )
        cost = cost.square() if self.squared else cost
        return self.weight * cost * weights[:, None, :, 0]
