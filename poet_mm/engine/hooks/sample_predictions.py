"""Draw predictions on the same validation images during training."""

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
from .utils import poet_head

# Pixels: approximate longest side of small images after enlarging them by a
# whole factor.
SHOWN_SIZE = 480
NUM_IMAGES = 4  # the first validation images with a labelled keypoint
SCORE_THR = 0.5  # minimum score of a person to be drawn
KPT_THR = 0.3  # minimum predicted visibility of a keypoint to be drawn


@HOOKS.register_module()
class SamplePredictionsHook(Hook):
    """Draw ground truth and predictions of the same images at validations.

    Images go to ``vis_data/vis_image`` in the work dir and to all other
    backends of the visualizer. MMPose's ``PoseVisualizationHook`` draws other
    images each time, without ground truth, and also "no object" queries.

    Args:
        interval (int): Minimum number of epochs between two drawings. The
            hook draws only at validations, see ``train_cfg.val_interval``.
            Defaults to 1, every validation.
        backend_args (dict, optional): Storage of the images, as in
            ``LoadImage``.
    """

    def __init__(
        self, interval: int = 1, backend_args: Optional[dict] = None
    ) -> None:
        self.interval = interval
        self.backend_args = backend_args
        self.last_drawn: Optional[int] = None  # epoch
        self.num_remaining = 0  # images to draw in this validation

    def before_val_epoch(self, runner: Runner) -> None:
        """Decide whether this validation draws, and how many images."""
        poet_head(runner, self)
        last, self.num_remaining = self.last_drawn, 0
        if last is None or runner.epoch - last >= self.interval:
            self.last_drawn = runner.epoch
            self.num_remaining = NUM_IMAGES if is_main_process() else 0

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Optional[dict] = None,
        outputs: Optional[List[PoseDataSample]] = None,
    ) -> None:
        """Draw samples with people until enough are drawn."""
        for sample in outputs or []:
            if self.num_remaining and has_people(sample):
                self.num_remaining -= 1
                self.draw(runner, sample)

    def draw(self, runner: Runner, sample: PoseDataSample) -> None:
        """Draw ground truth on the left and predictions on the right."""
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
    """Return ground truth and predictions for POET's or MMPose's visualizer.

    Coordinates are pixels of the original image times ``zoom``. Ground truth
    has all labelled keypoints; ``keypoints_visible`` is COCO's v: 1 hidden,
    2 visible. Predictions are the people above SCORE_THR, with the predicted
    visibility of their keypoints.
    """
    people, found = sample.gt_instances, sample.pred_instances
    found = found[found.bbox_scores > SCORE_THR]
    drawn = PoseDataSample()
    drawn.gt_instances = InstanceData(
        keypoints=to_original(people.keypoints, sample.metainfo) * zoom,
        keypoints_visible=np.asarray(people.keypoints_visible, np.float32),
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
