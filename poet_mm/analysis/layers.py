"""COCO's numbers of every decoder layer, in one pass (paper Fig. 9)."""

import copy
import io
import logging
from contextlib import contextmanager, redirect_stdout
from typing import Iterator, List

from mmengine.logging import MMLogger
from mmpose.evaluation.metrics import CocoMetric
from mmpose.registry import METRICS

from ..comparison.table import coco_metrics
from ..utils.config import walk
from .collect import ImageRecord
from .plots.layers import draw_layers
from .result import Analysis, Result
from .session import Session

DEFAULT = dict(type='FastCocoMetric', score_mode='bbox', nms_mode='none')


@contextmanager
def silence() -> Iterator[None]:
    """Keep COCO's tables and mmengine's messages off the screen."""
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)


def metric_config(session: Session) -> dict:
    """That of the evaluator of the split, for the images of the session."""
    evaluator = session.cfg.get(f'{session.split}_evaluator')
    evaluator = evaluator or session.cfg.get('test_evaluator')
    found = [
        node
        for node in walk(evaluator)
        if str(node.get('type')).endswith('CocoMetric')
    ]
    cfg = copy.deepcopy(dict(found[0])) if found else dict(DEFAULT)
    cfg.update(ann_file=session.dataset.ann_file, prefix=None)
    return cfg


def build_metric(session: Session) -> CocoMetric:
    """A metric that expects the images of the session and no others."""
    metric = METRICS.build(metric_config(session))
    metric.dataset_meta = session.metainfo
    ids, coco = set(session.index_of), metric.coco
    if ids != set(coco.getImgIds()):
        data = coco.dataset
        coco.dataset = dict(
            data,
            images=[image for image in data['images'] if image['id'] in ids],
            annotations=[
                ann for ann in data['annotations'] if ann['image_id'] in ids
            ],
        )
        coco.createIndex()
    return metric


class LayerAnalysis(Analysis):
    """AP of every decoder layer, by the config's own metric.

    Args:
        session (Session): Model and images.
    """

    name = 'layers'

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        num_layers = session.model.head.decoder.num_layers
        with silence():
            self.metrics = [build_metric(session) for _ in range(num_layers)]

    def add(self, record: ImageRecord) -> None:
        super().add(record)
        keypoints, visibility = (
            record.prediction.keypoints,
            record.prediction.visibility,
        )
        scores = record.prediction.scores
        for layer, metric in enumerate(self.metrics):
            people = dict(
                keypoints=keypoints[layer],
                keypoint_scores=scores[layer][:, None] * visibility[layer],
                bbox_scores=scores[layer],
            )
            metric.process(
                None,
                [
                    dict(
                        id=[record.img_id],
                        img_id=record.img_id,
                        gt_instances={},
                        pred_instances=people,
                    )
                ],
            )

    def evaluate(self) -> List[dict]:
        """COCO's ten numbers of every layer, as ``tools/test.py`` has them."""
        size = self.counts['images']
        with silence():
            return [metric.evaluate(size) for metric in self.metrics]

    def result(self) -> Result:
        metrics = self.evaluate()
        rows = [
            dict(layer=layer, **coco_metrics(values))
            for layer, values in enumerate(metrics, 1)
        ]
        said = ', '.join(
            '-' if row['AP'] is None else f'{row["AP"]:.1f}' for row in rows
        )
        return Result(
            name=self.name,
            title='Decoder layers (Fig. 9)',
            caption="COCO's AP of the predictions after every decoder layer, "
            f'all of one pass over the images. AP by layer: {said}. '
            f'{self.what_was_run}',
            numbers=dict(**self.counts, layers=metrics),
            rows=rows,
            draw=lambda out: draw_layers(rows, out),
        )
