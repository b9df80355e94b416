"""Hungarian matching: one query for every person, Eq. 1 and 2 of the paper.

All decoder layers, all images of a batch and the proposals of the encoder are
matched with one transfer to the host.

Letters: L decoder layers, B images, Q queries, M people of the batch, N the
most people of an image, K keypoints.
"""

import logging
import math
from typing import Dict, List, Mapping, NamedTuple, Sequence, Tuple, TypeVar

import numpy as np
import torch
from mmengine.logging import print_log
from mmpose.registry import TASK_UTILS
from mmpose.utils.typing import ConfigType
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from ...errors import NonFiniteError
from ..listeners import Listeners
from ..targets import Fields, rows_of_images

Flat = TypeVar('Flat', np.ndarray, Tensor)
# Cost of queries that must not be matched. Other costs stay below it: fields
# are in [-1, 1], and weights are of the order of 1.
FORBIDDEN = 1e6


class Assignment(NamedTuple):
    """Hold the matched pairs of every layer, each (L, P), int64.

    P is the sum over the images of min(people, Q), so all layers have the same
    number of pairs. Pair p of layer l joins person ``person_idx[l, p]`` of the
    batch with query ``query_idx[l, p]`` of image ``image_idx[l, p]``.
    """

    image_idx: Tensor
    query_idx: Tensor
    person_idx: Tensor


class NonFiniteCosts(NamedTuple):
    """Name the matching costs that are NaN or infinite."""

    costs: List[str]  # names
    source: str  # 'decoder' or 'encoder'
    layers: List[int]  # indices of its layers
    images: List[int]  # indices in the batch

    def __str__(self) -> str:
        return (
            f'The matching cost is NaN or infinite: costs {self.costs}, '
            f'{self.source} layers {self.layers}, images {self.images} of '
            'the batch.'
        )


@TASK_UTILS.register_module()
class PoseHungarianAssigner:
    """Match people and queries at the least total cost, per image and layer.

    Args:
        match_costs (list[dict]): Configs of the costs that are added up.
    """

    def __init__(self, match_costs: List[ConfigType]) -> None:
        self.match_costs = [TASK_UTILS.build(cost) for cost in match_costs]
        # They get NonFiniteCosts. With a listener, bad pairs are forbidden,
        # and no error is raised.
        self.listeners = Listeners()
        self._warned = False

    def assign(
        self, outputs: Fields, targets: Fields, num_people: List[int]
    ) -> Assignment:
        """Match one set of predictions, see :meth:`assign_sets`."""
        sets = dict(decoder=outputs)
        return self.assign_sets(sets, targets, num_people)['decoder']

    @torch.no_grad()
    def assign_sets(
        self,
        sets: Mapping[str, Fields],
        targets: Fields,
        num_people: List[int],
    ) -> Dict[str, Assignment]:
        """Match several sets of predictions of a batch, each on its own.

        Steps:
            1. Put the people of each image into a row, padded to N.
            2. Cost of each query with each person of its image.
            3. Move all costs to the host, once.
            4. Solve the assignment of every layer and image.
            5. Move all indices back, once.

        Args:
            sets (dict): By name, predicted fields (L, B, Q, ...), see
                ``POETHead``; optionally ``valid`` (L, B, Q), False where a
                query cannot be matched. L and Q may differ from set to set.
                The warning about too few queries is about the first set.
            targets (dict): Ground truth (M, ...), see ``stack_targets``.
            num_people (list[int]): People of each image; its sum is M.

        Returns:
            dict: The pairs of each set, by its name.

        Raises:
            NonFiniteError: A cost is NaN or infinite, and there is no
                listener; names the layers, the images and the costs.
        """
        shapes = [outputs['logits'].shape[:3] for outputs in sets.values()]
        device = next(iter(sets.values()))['logits'].device
        if not sum(num_people):
            nothing = torch.zeros(3, 0, dtype=torch.long, device=device)
            return {
                name: Assignment(*nothing[:, None].expand(-1, shape[0], -1))
                for name, shape in zip(sets, shapes)
            }
        self._warn_of_too_many(max(num_people), shapes[0][2])
        # 1.
        row, is_person = rows_of_images(num_people)  # (B, N)
        row = row.to(device, non_blocking=True)
        people = {name: values[row] for name, values in targets.items()}
        # 2.
        terms = {
            name: [cost(outputs, people) for cost in self.match_costs]
            for name, outputs in sets.items()
        }
        costs = [  # each (L, B, Q, N)
            _forbid_invalid(sum(terms[name]), outputs)
            for name, outputs in sets.items()
        ]
        # 3.
        on_host: List[np.ndarray] = _split(
            torch.cat([cost.flatten() for cost in costs]).cpu().numpy(),
            [cost.shape for cost in costs],
        )
        # 4.
        matched = []  # each (3, L, P)
        for name, cost in zip(sets, on_host):
            bad = ~np.isfinite(cost) & is_person[:, None]
            if bad.any():
                self._report_not_finite(name, bad, terms[name])
                cost[bad] = FORBIDDEN
            matched.append(_solve(cost, num_people))
        # 5.
        flat = torch.from_numpy(np.concatenate([x.ravel() for x in matched]))
        pairs: List[Tensor] = _split(
            flat.to(device, non_blocking=True), [x.shape for x in matched]
        )
        return {name: Assignment(*x) for name, x in zip(sets, pairs)}

    def _warn_of_too_many(self, most_people: int, num_queries: int) -> None:
        if most_people > num_queries and not self._warned:
            self._warned = True
            print_log(
                f'An image has {most_people} people, more than the '
                f'{num_queries} queries of the model: the rest cannot be '
                'learned. Raise model.head.num_queries if this is common. '
                '(This warning appears once.)',
                logger='current',
                level=logging.WARNING,
            )

    def _report_not_finite(
        self, source: str, bad: np.ndarray, costs: List[Tensor]
    ) -> None:
        layers, images, _, _ = bad.nonzero()
        names = [
            type(term).__name__ + f'({getattr(term, "field", "logits")})'
            for term, cost in zip(self.match_costs, costs)
            if not np.isfinite(cost.cpu().numpy()[bad]).all()
        ]
        found = NonFiniteCosts(
            names,
            source,
            np.unique(layers).tolist(),
            np.unique(images).tolist(),
        )
        if not self.listeners:
            raise NonFiniteError(
                f'{found} Usual causes: keypoints that are not numbers in '
                'the annotations, a learning rate too high, overflow in fp16 '
                '(use bf16 or fp32).'
            )
        self.listeners.tell(found)


def _forbid_invalid(cost: Tensor, outputs: Fields) -> Tensor:
    """Set costs (L, B, Q, N) of queries without ``valid`` to FORBIDDEN."""
    if 'valid' not in outputs:
        return cost
    return cost.masked_fill(~outputs['valid'][..., None], FORBIDDEN)


def _split(flat: Flat, shapes: Sequence[Tuple[int, ...]]) -> List[Flat]:
    """Undo the concatenation of flattened arrays of these shapes."""
    parts, start = [], 0
    for shape in shapes:
        size = math.prod(shape)
        parts.append(flat[start : start + size].reshape(shape))
        start += size
    return parts


def _solve(cost: np.ndarray, num_people: List[int]) -> np.ndarray:
    """Solve the assignment of every layer and image.

    Args:
        cost (np.ndarray): (L, B, Q, N).
        num_people (list[int]): People of each of the B images.

    Returns:
        np.ndarray: (3, L, P), int64: image, query and person of each pair.
    """
    layers = []
    for layer_cost in cost:
        matched, start = [], 0
        for image, count in enumerate(num_people):
            if count:
                person, query = linear_sum_assignment(
                    layer_cost[image, :, :count].T
                )
                matched.append(
                    (np.full_like(query, image), query, person + start)
                )
            start += count
        layers.append(np.concatenate(matched, axis=1))
    return np.stack(layers, axis=1)
