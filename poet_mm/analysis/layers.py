"""Evaluate every decoder layer in one pass over the images (paper Fig. 9)."""

import copy

import numpy as np
from mmpose.evaluation.metrics import CocoMetric
from mmpose.registry import METRICS

from ..comparison.table import coco_metrics, format_cell
from ..evaluation.keypoint_metric import silence
from ..utils.config import walk
from .collect import ImageRecord
from .plots.layers import draw_layers
from .result import Analysis, Result
from .session import Session

DEFAULT = dict(type='FastCocoMetric', score_mode='bbox', nms_mode='none')


def build_metric(session: Session, **changes) -> CocoMetric:
    """Build the metric of the split's evaluator for the session's images.

    Args:
        session (Session): Model and images.
        **changes: Keys of the metric's config to replace.
    """
    evaluator = session.cfg.get(f'{session.split}_evaluator')
    evaluator = evaluator or session.cfg.get('test_evaluator')
    found = (
        node
        for node in walk(evaluator)
        if str(node.get('type')).endswith('CocoMetric')
    )
    cfg = copy.deepcopy(dict(next(found, DEFAULT)))
    cfg.update(ann_file=session.dataset.ann_file, prefix=None, **changes)
    metric = METRICS.build(cfg)
    metric.dataset_meta = session.metainfo
    ids, coco = set(session.index_of), metric.coco
    if ids != set(coco.getImgIds()):  # else it expects images left out
        coco.dataset = dict(coco.dataset)
        for part, key in (('images', 'id'), ('annotations', 'image_id')):
            coco.dataset[part] = [
                entry for entry in coco.dataset[part] if entry[key] in ids
            ]
        coco.createIndex()
    return metric


def add_prediction(
    metric: CocoMetric, record: ImageRecord, layer: int = -1
) -> None:
    """Pass the predictions of a decoder layer, or of AE, to a metric."""
    prediction = record.prediction
    scores = prediction.scores[layer]  # (Q, )
    keypoints = prediction.keypoints[layer]  # (Q, K, 2)
    keypoint_scores = np.broadcast_to(scores[:, None], keypoints.shape[:2])
    if prediction.visibility is not None:
        keypoint_scores = scores[:, None] * prediction.visibility[layer]
    people = dict(
        keypoints=keypoints,
        keypoint_scores=keypoint_scores,
        bbox_scores=scores,
    )
    image = dict(id=[record.img_id], img_id=record.img_id, gt_instances={})
    metric.process(None, [dict(image, pred_instances=people)])


class LayersAnalysis(Analysis):
    """Show AP of every decoder layer, by the config's own metric."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        num_layers = session.model.head.decoder.num_layers
        with silence():
            self.metrics = [build_metric(session) for _ in range(num_layers)]

    def add(self, record: ImageRecord) -> None:
        """Pass the predictions of each layer to its metric."""
        super().add(record)
        for layer, metric in enumerate(self.metrics):
            add_prediction(metric, record, layer)

    def result(self) -> Result:
        """Return COCO's numbers of every layer, as tools/test.py has them."""
        with silence():
            metrics = [
                metric.evaluate(self.counts['images'])
                for metric in self.metrics
            ]
        rows = [
            dict(layer=layer, **coco_metrics(values))
            for layer, values in enumerate(metrics, 1)
        ]
        ap = ', '.join(format_cell(row['AP'], '.1f') for row in rows)
        return Result(
            name='layers',
            title='Decoder layers (Fig. 9)',
            caption="COCO's AP of the predictions after every decoder layer, "
            f'all of one pass over the images. AP by layer: {ap}. '
            f'{self.source}',
            numbers=dict(**self.counts, layers=metrics),
            rows=rows,
            draw=lambda out: draw_layers(rows, out),
        )
