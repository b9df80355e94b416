"""The same validation images, drawn again and again while training."""

from typing import List, Optional

import mmcv
import numpy as np
from mmengine import fileio
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmengine.structures import InstanceData
from mmpose.registry import HOOKS
from mmpose.structures import PoseDataSample

from ...models.instances import to_original

SHOWN_SIZE = 480  # pixels; smaller images are enlarged to be readable
NUM_IMAGES = 4  # the first ones of the validation with a labelled person
SCORE_THR = 0.5  # least probability of a person to be drawn
KPT_THR = 0.3  # least predicted visibility of a keypoint to be drawn


@HOOKS.register_module()
class SamplePredictionsHook(Hook):
    """Draw ground truth and predictions side by side, into the work dir
    (``vis_data/vis_image``) and whatever else the visualizer writes to.

    MMPose's ``PoseVisualizationHook`` draws other images every time, one of a
    batch, without the ground truth, and all queries, "no object" too.

    Args:
        interval (int): Epochs from one drawing to the next, at least: there
            are predictions only when there is a validation, see
            ``train_cfg.val_interval``. Defaults to 1, every validation.
        backend_args (dict, optional): For reading images, as in
            ``LoadImage``.
    """

    def __init__(
        self, interval: int = 1, backend_args: Optional[dict] = None
    ) -> None:
        self.interval = interval
        self.backend_args = backend_args
        self.last_drawn: Optional[float] = None  # epoch
        self.left = 0  # to be drawn in this validation

    def before_val_epoch(self, runner: Runner) -> None:
        """Draw at the first validation, and when the interval is over."""
        epoch = runner.iter and runner.iter / len(runner.train_dataloader)
        due = (
            self.last_drawn is None
            or round(epoch - self.last_drawn, 6) >= self.interval
        )
        self.left = NUM_IMAGES if due and is_main_process() else 0
        if due:
            self.last_drawn = epoch

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Optional[dict] = None,
        outputs: Optional[List[PoseDataSample]] = None,
    ) -> None:
        """Draw those samples of the batch that are wanted."""
        for sample in outputs or []:
            if self.left and has_people(sample):
                self.left -= 1
                self.draw(runner, sample)

    def draw(self, runner: Runner, sample: PoseDataSample) -> None:
        """Draw the ground truth on the left, predictions on the right."""
        image = mmcv.imfrombytes(
            fileio.get(sample.img_path, backend_args=self.backend_args),
            channel_order='rgb',
        )
        zoom = max(1, round(SHOWN_SIZE / max(image.shape[:2])))
        runner.visualizer.set_dataset_meta(runner.val_evaluator.dataset_meta)
        runner.visualizer.add_datasample(
            f'sample_{sample.img_id}',
            mmcv.imrescale(image, zoom),
            drawable(sample, zoom),
            kpt_thr=KPT_THR,
            step=runner.epoch,
        )


def has_people(sample: PoseDataSample) -> bool:
    """Return whether the ground truth has a labelled keypoint."""
    people = sample.get('gt_instances', InstanceData())
    return 'keypoints_visible' in people and people.keypoints_visible.any()


def drawable(sample: PoseDataSample, zoom: float) -> PoseDataSample:
    """Return people and predictions in pixels of the original image times
    ``zoom``, for POET's visualizer and for MMPose's.

    Ground truth: all labelled keypoints, with COCO's v. Predictions: people
    above SCORE_THR, whose keypoints are as visible as predicted.
    """
    truth, found = sample.gt_instances, sample.pred_instances
    found = found[found.bbox_scores > SCORE_THR]
    drawn = PoseDataSample()
    drawn.gt_instances = InstanceData(
        keypoints=to_original(truth.keypoints, sample.metainfo) * zoom,
        keypoints_visible=np.asarray(truth.keypoints_visible, np.float32),
    )
    drawn.pred_instances = InstanceData(
        keypoints=found.keypoints * zoom,
        centers=found.centers * zoom,
        keypoints_visible=found.visibility,
        keypoint_scores=found.visibility,
        visibility=found.visibility,
        bbox_scores=found.bbox_scores,
    )
    return drawn
