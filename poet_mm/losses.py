"""The set loss: match, then one term per field, for every decoder layer.

Source: POET (arXiv 2103.12115), Eq. 1-4. Where paper and release differ, the
config decides (see ``configs/poet_r50_*coco.py``).

Letters: L decoder layers, B images, Q queries, M people of the batch, P
matched pairs, K keypoints.
"""
from typing import (
    Callable,
    Dict,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

import torch
from mmengine.dist import all_reduce, get_world_size
from mmengine.model import BaseModule
from mmpose.registry import MODELS, TASK_UTILS
from mmpose.utils.typing import ConfigType
from torch import Tensor, nn

from .targets import check_field, field_weights, get_field


class SetLoss(NamedTuple):
    """Loss of a batch, of this rank alone and before it is divided.

    ``sums`` (L, ) of each term; what they are divided by: ``class_weight``,
    the summed weights of all queries, for ``loss_cls``, and ``num_people``
    for the others. The matched pairs: predicted fields ``matched`` and true
    fields ``true``, each (L, P, ...).
    """
    sums: Dict[str, Tensor]
    class_weight: float
    num_people: int
    matched: Dict[str, Tensor]
    true: Dict[str, Tensor]


@MODELS.register_module()
class PoseSetLoss(BaseModule):
    """Loss between a set of predictions and a set of people.

    Args:
        assigner (dict): Config of :class:`PoseHungarianAssigner`.
        loss_cls (dict): Config of mmdet's ``CrossEntropyLoss``.
        nobody_weight (float): Weight of queries without a person in the
            weighted mean of ``loss_cls``. Defaults to 0.1 (1/10 in Eq. 4).
        terms (dict): For each supervised field (``keypoints``, ``offsets``,
            ``centers``, ``visibility``) the config of a loss that takes
            ``(pred, target, reduction_override='none')``, as mmdet's do. A
            term is summed over coordinates and divided by the number of
            people.
    """

    def __init__(self,
                 assigner: ConfigType,
                 loss_cls: ConfigType,
                 terms: ConfigType,
                 nobody_weight: float = 0.1) -> None:
        super().__init__()
        self.assigner = TASK_UTILS.build(assigner)
        self.loss_cls = MODELS.build(loss_cls)
        self.terms = nn.ModuleDict(
            {check_field(field): MODELS.build(term)
             for field, term in terms.items()})
        self.nobody_weight = nobody_weight
        # called with the SetLoss of every training step
        self.watcher: Optional[Callable[[SetLoss], None]] = None

    def forward(self, outputs: Dict[str, Tensor], targets: Dict[str, Tensor],
                num_people: List[int]) -> Dict[str, Tensor]:
        """Compute the losses of all layers.

        Steps:
            1. Match, and sum every term, see :meth:`measure`.
            2. Count people and class weights of all ranks.
            3. Divide.

        Args:
            outputs (dict): Predicted fields (L, B, Q, ...), fp32, see
                :meth:`POETHead.forward`.
            targets (dict): True fields (M, ...), see ``stack_targets``.
            num_people (list[int]): People of each image; its sum is M.

        Returns:
            dict: Scalars: ``loss_cls`` and ``loss_<field>`` of the last
            layer, ``d<i>.loss_*`` of layer i before it.
        """
        # 1.
        batch = self.measure(outputs, targets, num_people)
        if self.watcher is not None:
            self.watcher(batch)
        # 2.
        people, class_weights = sum_over_ranks(
            [batch.num_people, batch.class_weight], outputs['logits'])
        # 3. DDP averages the ranks' gradients: with these divisors the result
        # is that of one process with the joint batch.
        people = people.clamp(min=1.0) / get_world_size()
        class_weights = class_weights / get_world_size()
        return name_layers({
            name: x / (class_weights if name == 'loss_cls' else people)
            for name, x in batch.sums.items()
        })

    def measure(self, outputs: Dict[str, Tensor], targets: Dict[str, Tensor],
                num_people: List[int]) -> SetLoss:
        """Match every layer on its own, then sum the class loss over all
        queries and the pose terms over matched pairs. Arguments as in
        :meth:`forward`."""
        pairs = self.assigner.assign(outputs, targets, num_people)
        num_layers, num_images, num_queries = outputs['logits'].shape[:3]
        num_pairs = pairs.query_idx.shape[1]
        num_nobody = num_images * num_queries - num_pairs

        layer_idx = torch.arange(
            num_layers, device=outputs['logits'].device)[:, None]
        matched_idx = (layer_idx, pairs.image_idx, pairs.query_idx)
        matched = {name: x[matched_idx] for name, x in outputs.items()}
        true = {name: x[pairs.person_idx] for name, x in targets.items()}
        sums = dict(
            loss_cls=self._class_loss(outputs['logits'], matched_idx,
                                      true['labels']))
        for field, term in self.terms.items():
            sums[f'loss_{field}'] = pose_term(term, field, matched, true)
        return SetLoss(sums, num_pairs + self.nobody_weight * num_nobody,
                       sum(num_people), matched, true)

    def _class_loss(self, logits: Tensor, matched_idx: Tuple[Tensor, ...],
                    matched_labels: Tensor) -> Tensor:
        """Weighted cross-entropy, summed: (L, B, Q, C + 1) -> (L, )."""
        nobody = logits.shape[-1] - 1
        labels = logits.new_full(logits.shape[:-1], nobody, dtype=torch.long)
        weights = logits.new_full(logits.shape[:-1], self.nobody_weight)
        labels[matched_idx] = matched_labels
        weights[matched_idx] = 1.0
        loss = self.loss_cls(
            logits.flatten(0, 2),
            labels.flatten(),
            weight=weights.flatten(),
            reduction_override='none')
        return loss.view(len(logits), -1).sum(1)


def pose_term(term: nn.Module, field: str, matched: Mapping[str, Tensor],
              true: Mapping[str, Tensor]) -> Tensor:
    """One field's loss over matched pairs (L, P, ...), summed to (L, ).

    Without pairs it is 0 and still connected to the predictions, so that every
    parameter gets a gradient on every rank.
    """
    pred = get_field(matched, field)
    if not pred.numel():
        return pred.flatten(1).sum(1)
    target = get_field(true, field)
    # Not through mmdet's `weight`: its L1Loss then looks whether all of them
    # are zero, which waits for the device and changes the shape.
    loss = term(pred, target, reduction_override='none')
    return (loss * field_weights(true, field)).flatten(1).sum(1)


def sum_over_ranks(values: List[float], like: Tensor) -> Tensor:
    """Sums of the ranks' values, on the device of ``like``, fp32."""
    total = torch.tensor(values, dtype=torch.float32)
    total = total.to(like.device, non_blocking=True)
    all_reduce(total, op='sum')
    return total


def name_layers(values: Mapping[str, Sequence]) -> Dict[str, Tensor]:
    """(L, ) by name -> scalars by layer and name: the last layer's keep the
    name, those of layer i before it are ``d<i>.<name>``."""
    named = {name: layers[-1] for name, layers in values.items()}
    num_layers = len(next(iter(values.values())))
    for layer in range(num_layers - 1):
        for name, layers in values.items():
            named[f'd{layer}.{name}'] = layers[layer]
    return named
