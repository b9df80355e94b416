"""One query for every person: Hungarian matching, paper Eq. 1 and 2.

All decoder layers and all images of a batch are matched with one tensor of
costs and one transfer to the host.

Letters: L decoder layers, B images, Q queries, M people of the batch, K
keypoints.
"""
from typing import Dict, List, Mapping, NamedTuple

import numpy as np
import torch
from mmengine.logging import print_log
from mmpose.registry import TASK_UTILS
from mmpose.utils.typing import ConfigType
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from .targets import check_field, field_weights, get_field


class Assignment(NamedTuple):
    """Matched pairs of every layer, each (L, P), int64.

    P is the number of people that got a query: M, less those for whom there
    was none. Pair p of layer l joins person ``person_idx[l, p]`` of the batch
    with query ``query_idx[l, p]`` of image ``image_idx[l, p]``.
    """
    image_idx: Tensor
    query_idx: Tensor
    person_idx: Tensor


@TASK_UTILS.register_module()
class PersonProbabilityCost:
    """``-p(class of the person)``, Eq. 1.

    Args:
        weight (float): Factor. Defaults to 1.
    """

    def __init__(self, weight: float = 1.0) -> None:
        self.weight = weight

    def __call__(self, pairs: Mapping, targets: Mapping) -> Tensor:
        """``pairs['logits']`` (L, M, Q, C + 1) -> cost (L, M, Q)."""
        probs = pairs['logits'].softmax(-1)
        labels = targets['labels'][:, None, None].expand(*probs.shape[:-1], 1)
        return -self.weight * probs.gather(-1, labels).squeeze(-1)


class _FieldCost:
    """A cost of one field.

    Args:
        field (str): ``keypoints``, ``offsets``, ``centers``, ``visibility``.
        weight (float): Factor. Defaults to 1.
    """

    def __init__(self, field: str, weight: float = 1.0) -> None:
        self.field = check_field(field)
        self.weight = weight

    def _difference(self, pairs: Mapping, targets: Mapping) -> Tensor:
        """Predicted minus true, 0 where unsupervised, (L, M, Q, F)."""
        target = get_field(targets, self.field)  # (M, ...)
        weights = field_weights(targets, self.field).expand_as(target)
        difference = get_field(pairs, self.field) - target.unsqueeze(1)
        return (difference * weights.unsqueeze(1)).flatten(3)


@TASK_UTILS.register_module()
class KeypointL1Cost(_FieldCost):
    """Sum of absolute differences over supervised joints, Eq. 3."""

    def __call__(self, pairs: Mapping, targets: Mapping) -> Tensor:
        """Fields (L, M, Q, ...) and (M, ...) -> cost (L, M, Q)."""
        return self.weight * self._difference(pairs, targets).abs().sum(-1)


@TASK_UTILS.register_module()
class L2Cost(_FieldCost):
    """Euclidean distance of a field, squared as in Eq. 3.

    Args:
        squared (bool): False takes the plain norm, as the authors' release
            does. Defaults to True.
    """

    def __init__(self,
                 field: str,
                 weight: float = 1.0,
                 squared: bool = True) -> None:
        super().__init__(field, weight)
        self.squared = squared

    def __call__(self, pairs: Mapping, targets: Mapping) -> Tensor:
        """Fields (L, M, Q, ...) and (M, ...) -> cost (L, M, Q)."""
        cost = self._difference(pairs, targets).square().sum(-1)
        return self.weight * (cost if self.squared else cost.sqrt())


@TASK_UTILS.register_module()
class PoseHungarianAssigner:
    """Match people and queries at the least total cost, per image and layer.

    Args:
        match_costs (list[dict]): Configs of the costs that are added up.
    """

    def __init__(self, match_costs: List[ConfigType]) -> None:
        self.match_costs = [TASK_UTILS.build(cost) for cost in match_costs]
        self._warned = False

    @torch.no_grad()
    def assign(self, outputs: Dict[str, Tensor], targets: Dict[str, Tensor],
               num_people: List[int]) -> Assignment:
        """Match a batch.

        Steps:
            1. Cost of each person with each query of the person's image.
            2. Move all costs to the host, once.
            3. Solve the assignment of every layer and image.
            4. Move all indices back, once.

        Args:
            outputs (dict): Predicted fields (L, B, Q, ...), see ``POETHead``.
            targets (dict): True fields (M, ...), see ``stack_targets``.
            num_people (list[int]): People of each image; its sum is M.

        Raises:
            FloatingPointError: A cost is NaN or infinite; names the layers,
                the images of the batch and the costs.
        """
        num_queries = outputs['logits'].shape[2]
        self._warn_of_too_many(max(num_people), num_queries)
        # 1.
        image_idx = targets['image_idx']
        pairs = {
            name: values[:, image_idx]  # (L, M, Q, ...)
            for name, values in outputs.items()
        }
        costs = [cost(pairs, targets) for cost in self.match_costs]
        # 2.
        cost = sum(costs).cpu().numpy()  # (L, M, Q)
        if not np.isfinite(cost).all():
            self._raise_not_finite(cost, costs, image_idx)
        # 3.
        matched = _solve(cost, num_people)  # (3, L, P)
        # 4.
        matched = torch.from_numpy(matched).to(
            image_idx.device, non_blocking=True)
        return Assignment(*matched)

    def _warn_of_too_many(self, most_people: int, num_queries: int) -> None:
        if most_people > num_queries and not self._warned:
            self._warned = True
            print_log(
                f'An image has {most_people} people, more than the '
                f'{num_queries} queries of the model: the rest cannot be '
                'learned. Raise model.head.num_queries if this is common. '
                '(Said once.)',
                logger='current',
                level=30)

    def _raise_not_finite(self, total: np.ndarray, costs: List[Tensor],
                          image_idx: Tensor) -> None:
        layers, people, _ = (~np.isfinite(total)).nonzero()
        images = np.unique(image_idx.cpu().numpy()[people]).tolist()
        names = [
            type(term).__name__ + f'({getattr(term, "field", "logits")})'
            for term, cost in zip(self.match_costs, costs)
            if not cost.isfinite().all()
        ]
        raise FloatingPointError(
            f'The matching cost is NaN or infinite: costs {names}, decoder '
            f'layers {np.unique(layers).tolist()}, images {images} of the '
            'batch. Usual causes: joints that are not numbers in the '
            'annotations, a learning rate too high, overflow in fp16 (use '
            'bf16 or fp32).')


def _solve(cost: np.ndarray, num_people: List[int]) -> np.ndarray:
    """Assignment of every layer and image.

    Args:
        cost (np.ndarray): (L, M, Q).
        num_people (list[int]): People of each of the B images.

    Returns:
        np.ndarray: (3, L, P), int64: image, query and person of each pair.
    """
    ends = np.cumsum(num_people)
    starts = ends - num_people
    layers = []
    for layer_cost in cost:
        matched = [np.zeros((3, 0), dtype=np.int64)]
        for image, (start, end) in enumerate(zip(starts, ends)):
            if start == end:
                continue
            person, query = linear_sum_assignment(layer_cost[start:end])
            matched.append(
                np.stack([np.full_like(query, image), query, person + start]))
        layers.append(np.concatenate(matched, axis=1))
    return np.stack(layers, axis=1)
