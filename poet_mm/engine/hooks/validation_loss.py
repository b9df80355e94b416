"""Log the set loss of validation images (paper Fig. 4)."""

import logging
from typing import Dict, List, Optional

import torch
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from mmengine.structures import InstanceData
from mmpose.registry import HOOKS
from mmpose.structures import PoseDataSample

from ...codecs.poet_codec import POETCodec
from ...models.layers.precision import full_precision
from ...models.targets import stack_targets
from ...utils.logs import VALIDATION
from .loss_totals import (
    Totals,
    add,
    as_cpu_double,
    loss_totals,
    match_totals,
    means,
    sum_over_ranks,
)
from .utils import poet_head, sigmas_of

# Prefix of these values in the message hub, which adds another 'val/'.
HUB_PREFIX = 'val/' + VALIDATION


@HOOKS.register_module()
class ValidationLossHook(Hook):
    """Log the loss of validation images from the outputs of the prediction.

    The last decoder layer gives ``val/loss_cls``, ``val/loss_<field>``,
    ``val/oks``, ``val/found_per_image`` and ``val/people_per_image`` (see
    :class:`MatchQualityHook`), layer i before it gives ``val/d<i>.*``.
    ``val/loss`` is the sum of all losses.

    The values are those of one batch with all validation images, in eval
    mode: sums over images and ranks, divided by the number of people
    (``loss_cls``: by the summed class weights of all queries). So they do not
    depend on batch size or number of ranks. Two-stage proposals (``enc.*``)
    and denoising queries (``dn.*``) are not part of ``val/loss``. ``analyze.py
    curves`` subtracts them from the training loss, so that both curves have
    the same terms.

    The model is not run again. Parameters, gradients, mode and random numbers
    do not change. ``save_best='val/loss', rule='less'`` chooses the best
    checkpoint by this loss.
    """

    # before RuntimeInfoHook passes the metrics to the log
    priority = 'HIGHEST'

    def __init__(self) -> None:
        self._warned = False

    def before_val_epoch(self, runner: Runner) -> None:
        """Keep the outputs of the head from now on."""
        self.totals: Totals = {}
        self.outputs: Optional[Dict[str, torch.Tensor]] = None
        self.sigmas = sigmas_of(runner.val_dataloader)
        head = poet_head(runner, self)
        self.handle = head.register_forward_hook(self._keep)
        # Workaround (mmengine<=0.10.7): `LogProcessor` averages a validation
        # value named "loss" over earlier validations. Forget these.
        scalars = runner.message_hub.log_scalars
        for name in [name for name in scalars if name.startswith(HUB_PREFIX)]:
            scalars.pop(name)

    def _keep(self, head, args: tuple, outputs: dict) -> None:
        self.outputs = outputs

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Optional[dict] = None,
        outputs: Optional[List[PoseDataSample]] = None,
    ) -> None:
        """Add the losses of one batch; ``outputs`` are its data samples."""
        head = poet_head(runner, self)
        samples = [with_targets(sample, head.codec) for sample in outputs]
        if None in samples:
            self._warn('lack keypoints or iscrowd of people')
            return
        targets, num_people = stack_targets(samples)
        if head.loss_module.similarity is not None and 'scales' not in targets:
            self._warn(
                "lack people's areas, which the OKS term of the loss needs"
            )
            return
        logits = self.outputs['logits']
        targets = {name: x.to(logits.device) for name, x in targets.items()}
        self.sigmas = self.sigmas.to(logits.device)
        with torch.no_grad(), full_precision(logits):
            batch = head.loss_module.measure(self.outputs, targets, num_people)
        totals = {**loss_totals(batch), **match_totals(batch, self.sigmas)}
        self.totals = add(self.totals, as_cpu_double(totals))

    def after_val_epoch(
        self, runner: Runner, metrics: Optional[Dict[str, float]] = None
    ) -> None:
        """Add the means to the metrics."""
        self.handle.remove()
        self.outputs = None
        values = means(sum_over_ranks(self.totals))
        if metrics is None or not values:
            return
        total = sum(x for name, x in values.items() if 'loss' in name)
        for name, value in dict(loss=total, **values).items():
            metrics[VALIDATION + name] = value

    def _warn(self, reason: str) -> None:
        if not self._warned:
            self._warned = True
            print_log(
                f'Some validation images {reason}. Their batches do not count '
                'in the validation loss. Use BottomupCocoDataset in '
                'val_dataloader, and end its pipeline with '
                'PackBottomupInputs.',
                logger='current',
                level=logging.WARNING,
            )


def with_targets(
    sample: PoseDataSample, codec: POETCodec
) -> Optional[PoseDataSample]:
    """Return a new sample that has only POET's targets.

    They are encoded from ``gt_instances`` (pixels of the network's input).
    Return None if these have no ``keypoints`` or ``iscrowd``.
    """
    people = sample.get('gt_instances', InstanceData())
    if not all(name in people for name in ('keypoints', 'iscrowd')):
        return None
    labels = codec.encode(
        people.keypoints,
        people.keypoints_visible,
        sample.metainfo['img_shape'],
        iscrowd=people.iscrowd,
        area=people.get('areas'),
    )
    targets = PoseDataSample()
    targets.gt_instance_labels = InstanceData(**labels).to_tensor()
    return targets
