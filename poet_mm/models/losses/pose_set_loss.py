"""The set loss: match, then one term per field, for every decoder layer.

Source: POET (arXiv 2103.12115v1), Eq. 1-4. Where paper and release differ, the
config chooses: ``configs/poet_r50_coco.py`` or ``poet_r50_release_coco.py``.

Letters: L decoder layers, B images, Q queries, M people of the batch, P
matched pairs, K keypoints.
"""

from typing import List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

import torch
import torch.nn.functional as F
from mmengine.dist import all_reduce, get_world_size
from mmengine.model import BaseModule
from mmpose.registry import MODELS, TASK_UTILS
from mmpose.utils.typing import ConfigType, OptConfigType
from torch import Tensor, nn

from ..assigners.hungarian import Assignment
from ..listeners import Listeners
from ..targets import Fields, check_field, field_weights, get_field
from .oks import KeypointSimilarity


class SetLoss(NamedTuple):
    """Hold the loss of a batch on this rank, before it is divided.

    The divisors are tensors where the host does not know them.
    """

    sums: Fields  # (L, ) of each term
    class_weight: Union[float, Tensor]  # divisor of loss_cls: summed weights
    num_people: Union[int, Tensor]  # divisor of the other terms
    matched: Fields  # predictions of matched pairs, (L, P, ...)
    true: Fields  # ground truth of matched pairs, (L, P, ...)
    num_images: int


@MODELS.register_module()
class PoseSetLoss(BaseModule):
    """Compute the loss between a set of predictions and a set of people.

    Args:
        assigner (dict): Config of :class:`PoseHungarianAssigner`.
        loss_cls (dict): Config of mmdet's ``CrossEntropyLoss``.
        nobody_weight (float): Weight of "no object" in the weighted mean of
            ``loss_cls``: of queries without a person, times ``nobody_share``
            of the outputs, if present. Defaults to 0.1 (1/10 in Eq. 4).
        terms (dict): For each supervised field (``keypoints``, ``offsets``,
            ``centers``, ``visibility``) the config of a loss that takes
            ``(pred, target, reduction_override='none')``, as mmdet's do. A
            term is summed over coordinates and divided by the number of
            people.
        oks_weight (float): Weight of one more term, 1 - OKS of each person
            with a supervised keypoint. Defaults to 0: no such term.
        metainfo (dict, optional): Of the data set, see
            :class:`KeypointSimilarity`; needed with ``oks_weight``.
    """

    def __init__(
        self,
        assigner: ConfigType,
        loss_cls: ConfigType,
        terms: ConfigType,
        nobody_weight: float = 0.1,
        oks_weight: float = 0.0,
        metainfo: OptConfigType = None,
    ) -> None:
        super().__init__()
        self.assigner = TASK_UTILS.build(assigner)
        self.loss_cls = MODELS.build(loss_cls)
        self.terms = nn.ModuleDict(
            {
                check_field(field): MODELS.build(term)
                for field, term in terms.items()
            }
        )
        self.nobody_weight = nobody_weight
        self.oks_weight = oks_weight
        if oks_weight and not metainfo:
            raise ValueError(
                f'PoseSetLoss got oks_weight={oks_weight} and no '
                'metainfo, whose sigmas OKS needs: set '
                'model.head.loss.metainfo to that of the data '
                'set.'
            )
        self.similarity = KeypointSimilarity(metainfo) if oks_weight else None
        self.listeners = Listeners()  # called with the SetLoss of the decoder

    def forward(
        self,
        outputs: Fields,
        targets: Fields,
        num_people: List[int],
        proposals: Optional[Fields] = None,
        denoising: Optional[Tuple[Fields, Assignment]] = None,
    ) -> Fields:
        """Compute the losses of all layers.

        Steps:
            1. Match all sets at once, and sum every term of each.
            2. Count people and class weights of all ranks.
            3. Divide.

        Args:
            outputs (dict): Predicted fields (L, B, Q, ...), fp32, see
                :meth:`POETHead.forward`.
            targets (dict): Ground truth (M, ...), see ``stack_targets``.
            num_people (list[int]): People of each image; its sum is M.
            proposals (dict, optional): Fields (1, B, T, ...) of the encoder's
                tokens, see :meth:`Proposals.fields`.
            denoising (tuple, optional): Fields of denoising queries, and their
                pairs, see :class:`NoisedPeople`.

        Returns:
            dict: Scalars: ``loss_cls``, ``loss_<field>``, ``loss_oks`` and,
            with weight 1, ``loss_predicted_oks`` of the last layer,
            ``d<i>.loss_*`` of layer i before it; ``enc.loss_*`` of the
            proposals; ``dn.loss_*`` and ``dn.d<i>.loss_*`` of denoising
            queries, which have neither a class loss nor a loss of the
            predicted OKS.
        """
        # 1.
        sets = dict(decoder=outputs)
        if proposals is not None:
            sets['encoder'] = proposals
        pairs = self.assigner.assign_sets(sets, targets, num_people)
        results = {
            '': self._sum_matched(
                outputs, targets, num_people, pairs['decoder']
            )
        }
        self.listeners.tell(results[''])
        if proposals is not None:
            results['enc.'] = self._sum_matched(
                proposals, targets, num_people, pairs['encoder']
            )
        if denoising is not None:
            fields, denoising_pairs = denoising
            results['dn.'] = self.measure_pairs(
                fields, targets, denoising_pairs
            )
        # 2.
        counts = count_over_ranks(list(results.values()))
        # 3. DDP averages the gradients of the ranks. Divided by the count over
        # the number of ranks, they are those of one process with all images.
        losses = {}
        for (prefix, batch), (people, weight) in zip(results.items(), counts):
            people = people.clamp(min=1.0) / get_world_size()
            divisors = dict.fromkeys(batch.sums, people)
            divisors['loss_cls'] = weight / get_world_size()
            means = name_layers(
                {name: x / divisors[name] for name, x in batch.sums.items()}
            )
            losses.update({prefix + name: x for name, x in means.items()})
        return losses

    def measure(
        self, outputs: Fields, targets: Fields, num_people: List[int]
    ) -> SetLoss:
        """Match every layer on its own, then sum the terms.

        The class loss is summed over all queries, pose terms over matched
        pairs. Arguments as in :meth:`forward`.
        """
        pairs = self.assigner.assign(outputs, targets, num_people)
        return self._sum_matched(outputs, targets, num_people, pairs)

    def _sum_matched(
        self,
        outputs: Fields,
        targets: Fields,
        num_people: List[int],
        pairs: Assignment,
    ) -> SetLoss:
        batch = self.measure_pairs(outputs, targets, pairs)
        loss, weight = self._class_loss(outputs, batch.true['labels'], pairs)
        sums = dict(loss_cls=loss, **batch.sums)
        if 'oks_logits' in outputs:
            sums['loss_predicted_oks'] = self._predicted_oks_loss(batch)
        return batch._replace(
            sums=sums, class_weight=weight, num_people=sum(num_people)
        )

    def measure_pairs(
        self, outputs: Fields, targets: Fields, pairs: Assignment
    ) -> SetLoss:
        """Sum the pose terms over given pairs.

        The divisor ``num_people`` is the number of pairs. Pairs whose query is
        not ``valid``, if ``outputs`` has that field, are left out.
        """
        index = (_layers(pairs), pairs.image_idx, pairs.query_idx)
        matched = {name: x[index] for name, x in outputs.items()}
        true = {name: x[pairs.person_idx] for name, x in targets.items()}
        losses = {
            f'loss_{field}': pose_term(term, field, matched, true)
            for field, term in self.terms.items()
        }  # each (L, P)
        if self.similarity is not None:
            has_keypoints = field_weights(true, 'centers')[..., 0]  # (L, P)
            losses['loss_oks'] = (
                self.oks_weight
                * has_keypoints
                * (1 - self.similarity(matched, true))
            )
        num_people: Union[int, Tensor] = pairs.query_idx.shape[1]
        if 'valid' in outputs:
            losses = {
                name: loss * matched['valid'] for name, loss in losses.items()
            }
            num_people = matched['valid'][0].sum()
        return SetLoss(
            {name: loss.sum(1) for name, loss in losses.items()},
            0.0,  # no class loss
            num_people,
            matched,
            true,
            outputs['logits'].shape[1],
        )

    def _predicted_oks_loss(self, batch: SetLoss) -> Tensor:
        """Return the loss (L, ) of the predicted OKS, summed over pairs.

        It is the Kullback-Leibler divergence from the OKS of the pair: 0 if
        they are equal. The OKS gets no gradient. People without a supervised
        keypoint do not count.
        """
        assert self.similarity is not None  # POETHead checks it
        with torch.no_grad():
            oks = self.similarity(batch.matched, batch.true)  # (L, P)
        entropy = torch.special.entr(oks) + torch.special.entr(1 - oks)
        loss = -entropy + F.binary_cross_entropy_with_logits(
            batch.matched['oks_logits'], oks, reduction='none'
        )
        return (loss * field_weights(batch.true, 'centers')[..., 0]).sum(1)

    def _class_loss(
        self,
        outputs: Mapping[str, Tensor],
        labels_of_pairs: Tensor,
        pairs: Assignment,
    ) -> Tuple[Tensor, Union[float, Tensor]]:
        """Return the weighted cross-entropy (L, ), summed, and its weight."""
        logits = outputs['logits']  # (L, B, Q, C + 1)
        no_object = logits.shape[-1] - 1
        index = (_layers(pairs), pairs.image_idx, pairs.query_idx)
        labels = logits.new_full(
            logits.shape[:-1], no_object, dtype=torch.long
        )
        weights = logits.new_full(logits.shape[:-1], self.nobody_weight)
        labels[index] = labels_of_pairs
        if 'nobody_share' in outputs:
            weights = weights * outputs['nobody_share']
        weights[index] = 1.0
        num_pairs = pairs.query_idx.shape[1]
        total: Union[float, Tensor] = num_pairs + self.nobody_weight * (
            labels[0].numel() - num_pairs
        )
        if 'valid' in outputs:
            weights = weights * outputs['valid']
        if {'valid', 'nobody_share'} & outputs.keys():
            total = weights[0].sum()  # equal in all layers
        loss = self.loss_cls(
            logits.flatten(0, 2),
            labels.flatten(),
            weight=weights.flatten(),
            reduction_override='none',
        )
        return loss.view(len(logits), -1).sum(1), total


def _layers(pairs: Assignment) -> Tensor:
    """Return the numbers of the layers, (L, 1)."""
    layers = torch.arange(len(pairs.query_idx), device=pairs.query_idx.device)
    return layers[:, None]


def pose_term(
    term: nn.Module,
    field: str,
    matched: Mapping[str, Tensor],
    true: Mapping[str, Tensor],
) -> Tensor:
    """Return the loss (L, P) of one field of matched pairs (L, P, ...).

    Without pairs it is empty and still connected to the predictions, so that
    every parameter gets a gradient on every rank.
    """
    pred = get_field(matched, field)
    if not pred.numel():
        return pred.flatten(2).sum(2)
    target = get_field(true, field)
    # Not through mmdet's `weight`: its L1Loss tests `weight > 0`, which waits
    # for the device.
    loss = term(pred, target, reduction_override='none')
    return (loss * field_weights(true, field)).flatten(2).sum(2)


def count_over_ranks(batches: List[SetLoss]) -> Tensor:
    """Return people and class weights of all ranks, one row a batch.

    (number of batches, 2), fp32, on the device of the losses.
    """
    rows = [(batch.num_people, batch.class_weight) for batch in batches]
    counts = torch.tensor(
        [[0 if isinstance(x, Tensor) else x for x in row] for row in rows],
        dtype=torch.float32,
    )
    device = next(iter(batches[0].sums.values())).device
    counts = counts.to(device, non_blocking=True)
    for i, row in enumerate(rows):
        for j, count in enumerate(row):
            if isinstance(count, Tensor):  # not known to the host
                counts[i, j] = count
    all_reduce(counts, op='sum')
    return counts


def name_layers(values: Mapping[str, Sequence]) -> Fields:
    """Return values (L, ) by name as scalars by layer and name.

    Those of the last layer keep the name; those of layer i before it are
    ``d<i>.<name>``.
    """
    named = {name: layers[-1] for name, layers in values.items()}
    num_layers = len(next(iter(values.values())))
    for layer in range(num_layers - 1):
        for name, layers in values.items():
            named[f'd{layer}.{name}'] = layers[layer]
    return named
