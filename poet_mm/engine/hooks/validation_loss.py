"""The set loss on validation images (paper Fig. 4)."""

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
from ...models.targets import FIELDS, stack_targets
from .loss_totals import (
    Totals,
    add,
    loss_totals,
    match_quality,
    means,
    sum_over_ranks,
    to_host,
)
from .utils import poet_head

PREFIX = 'val/'
LOGGED = 'val/' + PREFIX  # in the message hub


@HOOKS.register_module()
class ValidationLossHook(Hook):
    """Log the loss of the validation images, from the outputs that the head
    has anyway when it predicts.

    Beside ``coco/AP``: ``val/loss``, ``val/loss_cls``, ``val/loss_<field>``,
    ``val/oks``, ``val/found_per_image`` and ``val/people_per_image`` (see
    :class:`MatchQualityHook`) of the last decoder layer, ``val/d<i>.*`` of
    layer i before it. They are what training would compute of decoder layers
    in eval mode if all validation images were one batch: sums over images and
    ranks, divided by the number of people (``loss_cls``: by the weights of all
    queries). So they depend on neither the batch size nor the number of ranks.
    What else training learns from, proposals (``enc.*``) and noised people
    (``dn.*``), has no part in ``val/loss``; ``analyze.py curves`` takes it out
    of ``loss`` too.

    Nothing is computed by the model again, and its parameters, gradients,
    mode and the random numbers are left alone. As usual ``val/loss`` can
    choose the best checkpoint: ``save_best='val/loss', rule='less'``.
    """

    # before RuntimeInfoHook hands the metrics to the log
    priority = 'HIGHEST'

    def __init__(self) -> None:
        self.handle = None
        self._warned = False

    def before_val_epoch(self, runner: Runner) -> None:
        """Begin to listen to the head."""
        self.totals: Totals = {}
        self.outputs: Optional[Dict[str, torch.Tensor]] = None
        if self.handle is not None:  # of a validation that was broken off
            self.handle.remove()
        head = poet_head(runner, self)
        dataset = runner.val_dataloader.dataset
        self.sigmas = torch.as_tensor(
            dataset.metainfo['sigmas'], dtype=torch.float32
        )
        self.handle = head.register_forward_hook(self._keep)
        # Workaround (mmengine<=0.10.7): `LogProcessor` takes the mean of the
        # last values of what is called a loss, also of validations: there is
        # to be one, that of this validation.
        scalars = runner.message_hub.log_scalars
        for name in [name for name in scalars if name.startswith(LOGGED)]:
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
        """Sum the losses of one batch; ``outputs`` are its data samples."""
        head = poet_head(runner, self)
        logits = self.outputs['logits']
        samples = [with_targets(sample, head.codec) for sample in outputs]
        if None in samples:
            self._warn(
                "have neither targets nor people's keypoints with iscrowd"
            )
            return
        targets, num_people = stack_targets(samples)
        if head.loss_module.similarity is not None and 'scales' not in targets:
            self._warn(
                "lack people's areas, which the OKS term of the loss needs"
            )
            return
        targets = {name: x.to(logits.device) for name, x in targets.items()}
        self.sigmas = self.sigmas.to(logits.device)
        with torch.no_grad(), full_precision(logits):
            batch = head.loss_module.measure(self.outputs, targets, num_people)
        values = {**loss_totals(batch), **match_quality(batch, self.sigmas)}
        self.totals = add(self.totals, to_host(values))

    def after_val_epoch(
        self, runner: Runner, metrics: Optional[Dict[str, float]] = None
    ) -> None:
        """Put the means among the metrics."""
        self.handle.remove()
        self.outputs = None
        losses = means(sum_over_ranks(self.totals))
        if metrics is None or not losses:
            return
        total = sum(x for name, x in losses.items() if 'loss' in name)
        for name, value in dict(loss=total, **losses).items():
            metrics[PREFIX + name] = value

    def _warn(self, why: str) -> None:
        if not self._warned:
            self._warned = True
            print_log(
                f'No validation loss: the validation samples {why}. Take '
                'BottomupCocoDataset for val_dataloader, and end its pipeline '
                'with PackBottomupInputs.',
                logger='current',
                level=logging.WARNING,
            )


def with_targets(
    sample: PoseDataSample, codec: POETCodec
) -> Optional[PoseDataSample]:
    """A sample with POET's targets: its own, or encoded from the people that
    it has in pixels of the input; None where it has neither.
    """
    labels = sample.get('gt_instance_labels', InstanceData())
    if all(name in labels for name in FIELDS):
        return sample
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
