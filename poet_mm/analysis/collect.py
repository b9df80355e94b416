"""Collect ground truth and predictions of all images, and match them.

Letters: B images, L decoder layers, Q queries, K keypoints, N labelled people,
F people found, M matched pairs.
"""

from typing import Iterator, List, Mapping, NamedTuple, Optional, Tuple

import numpy as np
import torch
from mmpose.structures import PoseDataSample
from mmpose.utils.typing import SampleList
from rich.console import Console
from rich.progress import track
from torch import nn

from ..evaluation.oks import (
    Match,
    People,
    labelled_people,
    match_people,
    oks_matrix,
)
from ..models.heads.poet_head import POETHead
from ..models.instances import person_scores, to_original
from .session import Session


class Prediction(NamedTuple):
    """Hold the predictions in one image, in pixels of its file.

    For associative embedding L is 1, and there are only scores and keypoints.
    """

    scores: np.ndarray  # (L, Q), see person_scores
    keypoints: np.ndarray  # (L, Q, K, 2)
    centers: Optional[np.ndarray] = None  # (L, Q, 2)
    visibility: Optional[np.ndarray] = None  # (L, Q, K)


class ImageRecord(NamedTuple):
    """Hold ground truth and predictions of one image."""

    img_id: int
    path: str
    people: People  # N
    prediction: Prediction
    found: np.ndarray  # (F, ), queries that are a person, best first
    match: Match  # M pairs of found and labelled people

    @property
    def matched_queries(self) -> np.ndarray:
        """Return the query (M, ) of each pair of the match."""
        return self.found[self.match.queries]

    @property
    def oks(self) -> np.ndarray:
        """Return the OKS (N, ) of every person, 0 if it was not found."""
        oks = np.zeros(len(self.people.ids))
        oks[self.match.people] = self.match.oks
        return oks

    @property
    def found_keypoints(self) -> np.ndarray:
        """Return the keypoints (F, K, 2) of the last layer."""
        return self.prediction.keypoints[-1, self.found]


def example_rank(record: ImageRecord) -> Tuple[bool, float]:
    """Return how well an image serves as an example; larger is better.

    Images of 2 to 4 people come before others, then the mean OKS decides,
    over people and false positives.
    """
    people, pairs = len(record.people.ids), len(record.match.oks)
    total = people + len(record.found) - pairs
    return 2 <= people <= 4, record.oks.sum() / max(total, 1)


def walk_images(session: Session) -> Iterator[ImageRecord]:
    """Predict all images, batch by batch, with a progress bar on stderr.

    Raises:
        DataFault: An image cannot be read; figures without it would be
            misleading.
    """
    batches = track(
        session.loader,
        description=f'{session.split} images',
        console=Console(stderr=True),
    )
    for batch in batches:
        samples, predictions = predict_batch(session.model, batch)
        for sample, prediction in zip(samples, predictions):
            yield make_record(session, sample.metainfo, prediction)


@torch.no_grad()
def predict_batch(
    model: nn.Module, batch: dict
) -> Tuple[SampleList, List[Prediction]]:
    """Predict the B images of a batch, as the loader gives it."""
    batch = model.data_preprocessor(batch, False)
    samples = batch['data_samples']
    if not isinstance(model.head, POETHead):
        found = model.predict(batch['inputs'], samples)
        return samples, [read_instances(sample) for sample in found]
    outputs = model.head.forward(model.extract_feat(batch['inputs']), samples)
    outputs['scores'] = person_scores(outputs)
    fields = {name: value.cpu().numpy() for name, value in outputs.items()}
    return samples, [
        decode_fields(
            model,
            {name: value[:, i] for name, value in fields.items()},
            sample.metainfo,
        )
        for i, sample in enumerate(samples)
    ]


def decode_fields(
    model: nn.Module, fields: Mapping[str, np.ndarray], metainfo: Mapping
) -> Prediction:
    """Convert fields (L, Q, ...) of one image to pixels of its file."""
    codec, img_shape = model.head.codec, metainfo['img_shape']
    keypoints, visibility = codec.decode(fields, img_shape)
    centers = codec.decode_centers(fields, img_shape)
    return Prediction(
        fields['scores'],
        to_original(keypoints, metainfo),
        to_original(centers, metainfo),
        visibility,
    )


def read_instances(sample: PoseDataSample) -> Prediction:
    """Return the predictions of any bottom-up model of MMPose."""
    found = sample.pred_instances
    scores = found.get('bbox_scores')
    if scores is None:
        scores = found.keypoint_scores.mean(-1)
    return Prediction(
        np.asarray(scores)[None], np.asarray(found.keypoints)[None]
    )


def found_queries(prediction: Prediction, score_thr: float) -> np.ndarray:
    """Return the queries (F, ) of the last layer that are a person.

    Those are the queries with a score of at least ``score_thr``, best first.
    """
    scores = prediction.scores[-1]
    order = np.argsort(-scores, kind='stable')
    return order[scores[order] >= score_thr]


def make_record(
    session: Session, metainfo: Mapping, prediction: Prediction
) -> ImageRecord:
    """Add the ground truth of an image, and match people to predictions."""
    K = session.metainfo['num_keypoints']
    img_id = metainfo['img_id']
    info = session.dataset.get_data_info(session.index_of[img_id])
    people = labelled_people(info.get('raw_ann_info') or [], K)
    found = found_queries(prediction, session.score_thr)
    keypoints = prediction.keypoints[-1, found].reshape(-1, K, 2)
    oks = oks_matrix(keypoints, people, session.metainfo['sigmas'])
    path, match = metainfo['img_path'], match_people(oks)
    return ImageRecord(img_id, path, people, prediction, found, match)
