"""Evaluate every decoder layer in one pass over the images (paper Fig. 9)."""

from typing import Any

from mmpose.evaluation.metrics import CocoMetric

from ..comparison.table import coco_metrics, format_cell
from ..evaluation.keypoint_metric import silence
from ..evaluation.subset import add_people, build_subset_metric
from ..utils.config import walk
from .collect import ImageRecord
from .plots.layers import draw_layers
from .result import Analysis, Result
from .session import Session

DEFAULT = dict(type='FastCocoMetric', score_mode='bbox', nms_mode='none')


def find_metric(evaluator: Any) -> dict:
    """Return the config of an evaluator's CocoMetric, else the default."""
    found = (
        node
        for node in walk(evaluator)
        if str(node.get('type')).endswith('CocoMetric')
    )
    return dict(next(found, DEFAULT))


def build_metric(session: Session, **changes) -> CocoMetric:
    """Build the metric of the split's evaluator for the session's images.

    Args:
        session (Session): Model and images.
        **changes: Keys of the metric's config to replace.
    """
    evaluator = session.cfg.get(f'{session.split}_evaluator')
    evaluator = evaluator or session.cfg.get('test_evaluator')
    return build_subset_metric(
        find_metric(evaluator), session.dataset, **changes
    )


def add_prediction(
    metric: CocoMetric, record: ImageRecord, layer: int = -1
) -> None:
    """Pass the predictions of a decoder layer, or of AE, to a metric."""
    prediction = record.prediction
    visibility = prediction.visibility
    add_people(
        metric,
        record.img_id,
        prediction.scores[layer],
        prediction.keypoints[layer],
        None if visibility is None else visibility[layer],
    )


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
