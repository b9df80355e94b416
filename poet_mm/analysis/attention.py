"""Record the attention of encoder and decoder in an image (paper Fig. 5).

Letters: E encoder layers, L decoder layers, P points, M people, K keypoints,
H x W cells of the feature map that show the image.
"""

import os.path as osp
from contextlib import contextmanager
from functools import partial
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from torch import Tensor, nn

from ..errors import UserError
from ..models.instances import to_original
from ..models.layers.padding import padding_mask
from ..models.listeners import listening
from .collect import found_queries, predict_batch
from .plots.attention import draw_attention
from .result import Analysis, Result
from .session import Session

MIN_GAP = 0.08  # between points, relative to the image's diagonal


class AttendedImage(NamedTuple):
    """Hold an image and its attention over cells, mean over the heads."""

    path: str
    points: np.ndarray  # (P, 2) in pixels of the image
    keypoints: np.ndarray  # (M, K, 2) in pixels of the image
    scores: np.ndarray  # (M, )
    encoder: np.ndarray  # (E, P, H, W), from the cells of the points
    decoder: np.ndarray  # (L, M, H, W), from the queries of the people
    extent: np.ndarray  # (4, ), x0, x1, y0, y1 of the map in image pixels


@contextmanager
def record_rows(
    head: nn.Module, cells: Sequence[int], queries: Sequence[int]
) -> Iterator[Dict[str, List[Tensor]]]:
    """Keep some rows of the attention weights of one image.

    Only these rows are kept; all weights of all layers would be large.

    Args:
        head (nn.Module): POETHead.
        cells (Sequence[int]): P tokens of the encoder.
        queries (Sequence[int]): M queries of the decoder.

    Yields:
        dict[str, list[Tensor]]: Filled by the forward pass, mean over the
        heads, on the CPU: ``encoder``, self-attention (P, HW) of each layer,
        and ``decoder``, cross-attention (M, HW) of each layer.
    """
    records: Dict[str, List[Tensor]] = dict(encoder=[], decoder=[])

    def keep(part: str, rows: Sequence[int], weights: Tensor) -> None:
        kept = weights[0][:, list(rows)]  # (heads, rows, T)
        records[part].append(kept.float().mean(0).cpu())

    encoder = partial(keep, 'encoder', cells)
    decoder = partial(keep, 'decoder', queries)
    pairs = [(layer.self_attn, encoder) for layer in head.encoder.layers]
    pairs += [(layer.cross_attn, decoder) for layer in head.decoder.layers]
    with listening(pairs):
        yield records


def choose_points(
    keypoints: np.ndarray, size: Sequence[int], count: int
) -> np.ndarray:
    """Choose points in an image that lie far from each other.

    1. The candidates are the keypoints of the people found, or points of a
       grid if there are none.
    2. The first one is chosen, then repeatedly the one that is farthest from
       all chosen ones, as long as that distance is at least :data:`MIN_GAP`.

    Args:
        keypoints (np.ndarray): (M, K, 2) in pixels of the image, best first.
        size (Sequence[int]): Width and height of the image.
        count (int): Largest number of points.

    Returns:
        np.ndarray: (P, 2) in pixels of the image.
    """
    # 1. candidates
    points = keypoints.reshape(-1, 2)
    points = points[((points >= 0) & (points < size)).all(axis=1)]
    if not len(points):
        steps = np.array([1, 3]) / 4
        points = np.stack(np.meshgrid(steps, steps), -1).reshape(-1, 2) * size
    # 2. choice
    chosen = points[:1]
    while len(chosen) < count:
        gaps = np.linalg.norm(points[:, None] - chosen, axis=-1).min(axis=1)
        if gaps.max() < MIN_GAP * np.hypot(*size):
            break
        chosen = np.append(chosen, points[[gaps.argmax()]], axis=0)
    return chosen


@torch.no_grad()
def attention_maps(
    model: nn.Module, batch: dict, points: np.ndarray, queries: Sequence[int]
) -> Dict[str, np.ndarray]:
    """Record the attention of one image.

    Args:
        model (nn.Module): Estimator with a POETHead.
        batch (dict): One image, as the loader gives it.
        points (np.ndarray): (P, 2) in pixels of the image file.
        queries (Sequence[int]): M queries.

    Returns:
        dict: ``encoder``, ``decoder`` and ``extent`` of an
        :class:`AttendedImage`.
    """
    batch = model.data_preprocessor(batch, False)
    samples = batch['data_samples']
    meta = samples[0].metainfo
    feats = model.extract_feat(batch['inputs'])
    feat = model.head.select_level(feats)
    shape = rows, columns = tuple(feat.shape[-2:])
    # In pixels of the image file: corner of the input, and size of a cell.
    corner = to_original(np.zeros(2), meta)
    cell = np.divide(meta['batch_input_shape'], shape)[::-1]
    cell = to_original(cell, meta) - corner
    # Cells of the points, counted row by row.
    place = np.floor((points - corner) / cell).astype(int)
    x, y = np.clip(place, 0, (columns - 1, rows - 1)).T
    with record_rows(model.head, y * columns + x, queries) as records:
        model.head.forward(feats, samples)
    padding = padding_mask(samples, feat)  # (1, rows, columns), True if padded
    if padding is not None:
        shown = ~padding[0]
        rows, columns = int(shown[:, 0].sum()), int(shown[0].sum())
    maps = {
        part: torch.stack(layers)
        .unflatten(-1, shape)[..., :rows, :columns]
        .numpy()
        for part, layers in records.items()
    }
    x, y = corner + cell * (columns, rows)
    return dict(**maps, extent=np.array([corner[0], x, corner[1], y]))


class AttentionAnalysis(Analysis):
    """Show the attention in one image, from points and from people found.

    Args:
        session (Session): Model and images.
        image (str, optional): File, or id of an image of the split. Defaults
            to an image of two to four people who are found well.
        points (list[list[float]], optional): P points x, y in pixels of the
            image. Defaults to keypoints of the people found, at most one per
            decoder layer.
        max_people (int): Largest number of people, best first.
    """

    def __init__(
        self,
        session: Session,
        image: Optional[str],
        points: Optional[List[List[float]]],
        max_people: int,
    ) -> None:
        super().__init__(session)
        self.image = image
        self.points = None if points is None else np.array(points)
        self.max_people = max_people
        self.needs_images = image is None

    def load_image(self) -> dict:
        """Load the image as a batch."""
        dataset, index = self.session.dataset, self.session.index_of
        image = self.image
        if image is not None and osp.isfile(image):
            info = dict(img_path=image, img_id=image, **dataset.metainfo)
            return pseudo_collate([dataset.pipeline(info)])
        if image is None:
            img_id = self.example.img_id
        else:
            img_id = int(image) if image.isdigit() else None
        if img_id not in index:
            raise UserError(
                f'--image {image} is neither a file nor the id of an image of '
                f'the {self.session.split} split, such as {next(iter(index))}.'
            )
        return pseudo_collate([dataset[index[img_id]]])

    def attend(self) -> AttendedImage:
        """Choose points and people, and record their attention."""
        model, batch = self.session.model, self.load_image()
        (sample,), (prediction,) = predict_batch(model, batch)
        queries = found_queries(prediction, self.session.score_thr)
        queries = queries[: self.max_people]
        height, width = sample.metainfo['ori_shape'][:2]
        keypoints = prediction.keypoints[-1, queries]
        points = self.points
        if points is None:
            points = choose_points(
                keypoints, (width, height), model.head.decoder.num_layers
            )
        elif ((points < 0) | (points >= (width, height))).any():
            raise UserError(
                f'--points {points.tolist()} are not all inside of the image '
                f'of {width} x {height} pixels.'
            )
        return AttendedImage(
            path=sample.metainfo['img_path'],
            points=points,
            keypoints=keypoints,
            scores=prediction.scores[-1, queries],
            **attention_maps(model, batch, points, queries),
        )

    def result(self) -> Result:
        """Return the figure of the image."""
        image = self.attend()
        people = 'no person, as none was found'
        if len(image.scores):
            people = 'the people with the highest scores'
        source = f'{self.session.description}.'
        if self.needs_images:
            source = self.source
        return Result(
            name='attention',
            title='Attention (Fig. 5)',
            caption=f'Image {osp.basename(image.path)}. Above: self-attention '
            'of the last encoder layer at the numbered points. Below: '
            f'cross-attention of every decoder layer, of {people}. Mean over '
            'the heads. The colours of each map end at its own maximum, at '
            f'least at four times its mean. {source}',
            numbers=dict(
                image=osp.basename(image.path),
                points=image.points,
                scores=image.scores,
                extent=image.extent,
                encoder=image.encoder.astype(np.float64).round(6),
                decoder=image.decoder.astype(np.float64).round(6),
            ),
            draw=lambda out: draw_attention(image, self.session.metainfo, out),
        )
