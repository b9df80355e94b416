"""One pass over the images: what is there, what was predicted, who is who.

Letters: B images, L decoder layers, Q queries, K keypoints, F people found.
"""

from typing import Iterator, Mapping, NamedTuple, Optional

import numpy as np
import torch
from mmpose.structures import PoseDataSample
from rich.console import Console
from rich.progress import track
from torch import nn

from ..codecs.poet_codec import PERSON
from ..errors import unreadable
from ..evaluation.oks import (
    Match,
    People,
    labelled_people,
    match_people,
    oks_matrix,
)
from ..models.heads.poet_head import POETHead
from ..models.instances import to_original
from .session import Session


class Prediction(NamedTuple):
    """What a model predicts in one image, in pixels of its file.

    Of associative embedding L is 1, and only scores and keypoints are there.
    """

    scores: np.ndarray  # (L, Q), probability of a person
    keypoints: np.ndarray  # (L, Q, K, 2)
    centers: Optional[np.ndarray] = None  # (L, Q, 2)
    visibility: Optional[np.ndarray] = None  # (L, Q, K)


class ImageRecord(NamedTuple):
    """Truth and prediction of one image."""

    img_id: int
    path: str
    people: People
    prediction: Prediction
    found: np.ndarray  # (F, ), queries that are a person, best first
    match: Match  # of those F and people

    @property
    def matched_queries(self) -> np.ndarray:
        """Query (M, ) of each pair of the match."""
        return self.found[self.match.queries]

    @property
    def oks(self) -> np.ndarray:
        """OKS (N, ) of every labelled person, 0 for those not found."""
        oks = np.zeros(len(self.people.ids))
        oks[self.match.people] = self.match.oks
        return oks

    @property
    def found_keypoints(self) -> np.ndarray:
        """(F, K, 2), of the last layer."""
        return self.prediction.keypoints[-1, self.found]


def example_rank(record: ImageRecord) -> tuple:
    """How well an image shows what a model does: 2 to 4 people, and OKS high,
    the mean over people and false positives.
    """
    people, pairs = len(record.people.ids), len(record.match.oks)
    all_of_them = people + len(record.found) - pairs
    return 2 <= people <= 4, record.oks.sum() / max(all_of_them, 1)


def walk_images(session: Session) -> Iterator[ImageRecord]:
    """Predict all images, batch by batch, with a progress bar on stderr.

    Raises:
        UserError: An image cannot be read. Without it the figures would look
            like those of all images, and test.py would give other numbers.
    """
    batches = track(
        load_batches(session),
        total=len(session.loader),
        description=f'{session.split} images',
        console=Console(stderr=True),
    )
    for batch in batches:
        samples, predictions = predict_batch(session.model, batch)
        for sample, prediction in zip(samples, predictions):
            yield make_record(session, sample.metainfo, prediction)


def load_batches(session: Session) -> Iterator[dict]:
    """What the loader gives, or which image it stumbles over."""
    batches = iter(session.loader)
    for indices in session.loader.batch_sampler:
        try:
            batch = next(batches)
        except Exception as error:
            for index in indices:
                path = session.dataset.get_data_info(index)['img_path']
                check_image(session, path)
            raise error  # it was not the images
        yield batch


def check_image(session: Session, path: str) -> None:
    """Raise a UserError if a file cannot be read as an image."""
    load = session.dataset.pipeline.transforms[0]
    try:
        load(dict(img_path=path))
    except Exception as error:
        raise unreadable(path, error) from error


@torch.no_grad()
def predict_batch(model: nn.Module, batch: dict) -> tuple:
    """Data samples and :class:`Prediction` of the B images of a batch."""
    batch = model.data_preprocessor(batch, False)
    samples = batch['data_samples']
    if not isinstance(model.head, POETHead):
        found = model.predict(batch['inputs'], samples)
        return samples, [other_prediction(sample) for sample in found]
    outputs = model.head.forward(model.extract_feat(batch['inputs']), samples)
    scores = outputs['logits'].softmax(-1)[..., PERSON].cpu().numpy()
    fields = {name: value.cpu().numpy() for name, value in outputs.items()}
    return samples, [
        poet_prediction(
            model,
            scores[:, i],
            {name: value[:, i] for name, value in fields.items()},
            sample.metainfo,
        )
        for i, sample in enumerate(samples)
    ]


def poet_prediction(
    model: nn.Module, scores: np.ndarray, fields: Mapping, metainfo: Mapping
) -> Prediction:
    """Fields (L, Q, ...) of one image, in pixels of its file."""
    codec, img_shape = model.head.codec, metainfo['img_shape']
    keypoints, visibility = codec.decode(fields, img_shape)
    centers = codec.decode_centers(fields, img_shape)
    return Prediction(
        scores,
        to_original(keypoints, metainfo),
        to_original(centers, metainfo),
        visibility,
    )


def other_prediction(sample: PoseDataSample) -> Prediction:
    """What any bottom-up model of MMPose predicts in one image."""
    found = sample.pred_instances
    scores = found.get('bbox_scores')
    if scores is None:
        scores = found.keypoint_scores.mean(-1)
    scores = np.asarray(scores)
    return Prediction(scores[None], np.asarray(found.keypoints)[None])


def found_queries(prediction: Prediction, score_thr: float) -> np.ndarray:
    """Queries (F, ) that are a person after the last layer, best first."""
    scores = prediction.scores[-1]
    order = np.argsort(-scores, kind='stable')
    return order[scores[order] >= score_thr]


def make_record(
    session: Session, metainfo: Mapping, prediction: Prediction
) -> ImageRecord:
    """Add what is true, who was found, and who is who."""
    K = session.metainfo['num_keypoints']
    img_id = metainfo['img_id']
    info = session.dataset.get_data_info(session.index_of[img_id])
    people = labelled_people(info.get('raw_ann_info') or [], K)
    found = found_queries(prediction, session.score_thr)
    oks = oks_matrix(
        prediction.keypoints[-1, found].reshape(-1, K, 2),
        people,
        session.metainfo['sigmas'],
    )
    return ImageRecord(
        img_id,
        metainfo['img_path'],
        people,
        prediction,
        found,
        match_people(oks),
    )
