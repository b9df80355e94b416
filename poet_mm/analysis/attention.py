"""What the transformer looks at (paper Fig. 5).

Letters: E encoder layers, L decoder layers, P points, M people, H x W cells
of the feature map that show the image.
"""

import os.path as osp
from contextlib import contextmanager
from functools import partial
from typing import Dict, Iterator, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from torch import Tensor, nn

from ..errors import UserError
from ..models.instances import to_original
from ..models.layers.attention import MultiheadAttention
from ..models.layers.padding import padding_mask
from ..models.listeners import listening
from .collect import (
    ImageRecord,
    check_image,
    example_rank,
    found_queries,
    predict_batch,
)
from .plots.attention import draw_attention
from .result import Analysis, Result
from .session import Session

LEAST_GAP = 0.08  # of the image's diagonal, between points


class AttentionMaps(NamedTuple):
    """Attention over the cells of one image, mean over the heads."""

    encoder: np.ndarray  # (E, P, H, W), of the cells of the points
    decoder: np.ndarray  # (L, M, H, W), of the queries of the people
    extent: np.ndarray  # (4, ), x0, x1, y0, y1 of the map in image pixels


class AttendedImage(NamedTuple):
    """An image, and what is looked at from where in it."""

    path: str
    points: np.ndarray  # (P, 2) in pixels of the image
    keypoints: np.ndarray  # (M, K, 2) in pixels of the image
    scores: np.ndarray  # (M, )
    maps: AttentionMaps


@contextmanager
def record_rows(
    head: nn.Module, cells: Sequence[int], queries: Sequence[int]
) -> Iterator[Dict[str, Tensor]]:
    """Keep some rows of the attention weights of one image.

    Args:
        head (nn.Module): POETHead.
        cells (Sequence[int]): P tokens of the encoder.
        queries (Sequence[int]): M queries of the decoder.

    Yields:
        dict[str, Tensor]: Filled by the forward pass: name of each
        self-attention of the encoder -> (P, HW), and of each cross-attention
        of the decoder -> (M, HW), mean over the heads, on the CPU. The rest is
        forgotten as soon as an attention has run.
    """
    weights: Dict[str, Tensor] = {}

    def keep(name: str, rows: Sequence[int], of_all: Tensor) -> None:
        kept = of_all[0][:, list(rows)]  # (heads, rows, S)
        weights[name] = kept.float().mean(0).cpu()

    pairs = []
    for name, module in head.named_modules():
        if isinstance(module, MultiheadAttention):
            rows = (
                cells
                if name.startswith('encoder')
                else queries
                if name.endswith('cross_attn')
                else []
            )
            pairs.append((module, partial(keep, name, rows)))
    with listening(pairs):
        yield weights


def cell_of(
    points: np.ndarray,
    corner: np.ndarray,
    cell: np.ndarray,
    shape: Tuple[int, int],
) -> np.ndarray:
    """Cell of the feature map at each point, counted row by row.

    Args:
        points (np.ndarray): (P, 2), x and y in pixels.
        corner (np.ndarray): (2, ), where the map begins, in the same pixels.
        cell (np.ndarray): (2, ), width and height of a cell in pixels.
        shape (tuple[int, int]): Rows and columns of the map.

    Returns:
        np.ndarray: (P, ); points outside of the map get the nearest cell.
    """
    place = np.floor((points - corner) / cell).astype(int)
    column, row = np.clip(place, 0, (shape[1] - 1, shape[0] - 1)).T
    return row * shape[1] + column


def farthest_points(
    points: np.ndarray, count: int, least_gap: float
) -> np.ndarray:
    """Indices of up to ``count`` of the points (n, 2): the first, then always
    that which is farthest from those chosen, as long as it is as far from
    them as ``least_gap``.
    """
    chosen = [0]
    while len(chosen) < count:
        gaps = np.linalg.norm(points[:, None] - points[chosen], axis=-1)
        gaps = gaps.min(axis=1)
        if gaps.max() < least_gap:
            break
        chosen.append(int(gaps.argmax()))
    return np.array(chosen)


def choose_points(
    keypoints: np.ndarray, size: Sequence[int], count: int
) -> np.ndarray:
    """Joints of the people found, far apart; else points of a grid.

    Args:
        keypoints (np.ndarray): (M, K, 2) in pixels of the image, best first.
        size (Sequence[int]): Width and height of the image.
        count (int): How many, at most.

    Returns:
        np.ndarray: (P, 2) in pixels of the image.
    """
    joints = keypoints.reshape(-1, 2)
    inside = ((joints >= 0) & (joints < size)).all(axis=1)
    if inside.any():
        joints = joints[inside]
    else:
        steps = np.array([1, 3]) / 4
        joints = np.stack(np.meshgrid(steps, steps), -1).reshape(-1, 2) * size
    gap = LEAST_GAP * np.hypot(*size)
    return joints[farthest_points(joints, count, gap)]


@torch.no_grad()
def attention_maps(
    model: nn.Module, batch: dict, points: np.ndarray, queries: Sequence[int]
) -> AttentionMaps:
    """Record the attention of one image.

    Args:
        model (nn.Module): Estimator with a POETHead.
        batch (dict): One image, as the loader gives it.
        points (np.ndarray): (P, 2) in pixels of the image file.
        queries (Sequence[int]): M queries.
    """
    batch = model.data_preprocessor(batch, False)
    samples = batch['data_samples']
    meta = samples[0].metainfo
    feats = model.extract_feat(batch['inputs'])
    feat = model.head.select_level(feats)
    shape = tuple(feat.shape[-2:])
    # pixels of the image file: corner of the input, and size of a cell
    corner = to_original(np.zeros(2), meta)
    cell = np.divide(meta['batch_input_shape'], shape)[::-1]
    cell = to_original(cell, meta) - corner
    cells = cell_of(points, corner, cell, shape)
    with record_rows(model.head, cells, queries) as rows:
        model.head.forward(feats, samples)
    height, width = cells_of_image(padding_mask(samples, feat), shape)

    def stack(part: str, name: str) -> np.ndarray:
        maps = [
            rows[f'{part}.layers.{i}.{name}']
            for i in range(getattr(model.head, part).num_layers)
        ]
        maps = torch.stack(maps).unflatten(-1, shape)
        return maps[..., :height, :width].numpy()

    x, y = corner + cell * (width, height)
    return AttentionMaps(
        encoder=stack('encoder', 'self_attn'),
        decoder=stack('decoder', 'cross_attn'),
        extent=np.array([corner[0], x, corner[1], y]),
    )


def cells_of_image(
    padding: Optional[Tensor], shape: Tuple[int, int]
) -> Tuple[int, int]:
    """Rows and columns of a feature map that show the image and not only
    padding.

    Args:
        padding (Tensor, optional): (1, rows, columns), True at padded cells.
        shape (tuple[int, int]): All rows and columns.
    """
    if padding is None:
        return shape
    return int((~padding[0, :, 0]).sum()), int((~padding[0, 0]).sum())


class AttentionAnalysis(Analysis):
    """Attention in one image: of points, and of the people found.

    Args:
        session (Session): Model and images.
        image (str, optional): A file, or the id of an image of the split. By
            default one of two to four people who are found well.
        points (np.ndarray, optional): (P, 2) in pixels of the image. By
            default joints of the people found, one per decoder layer.
        most_people (int): How many people, at most, best first.
    """

    name = 'attention'

    def __init__(
        self,
        session: Session,
        image: Optional[str] = None,
        points: Optional[np.ndarray] = None,
        most_people: int = 3,
    ) -> None:
        super().__init__(session)
        self.image = image
        self.points = points
        self.most_people = most_people
        self.needs_images = image is None
        self.best: Optional[ImageRecord] = None

    def add(self, record: ImageRecord) -> None:
        super().add(record)
        if self.best is None or example_rank(record) > example_rank(self.best):
            self.best = record

    def load(self) -> dict:
        """The image as a batch."""
        dataset = self.session.dataset
        index = self.session.index_of
        image = self.image
        if image is None:
            return pseudo_collate([dataset[index[self.best.img_id]]])
        if osp.isfile(image):
            check_image(self.session, image)
            sample = dataset.pipeline(
                dict(img_path=image, img_id=image, **dataset.metainfo)
            )
            return pseudo_collate([sample])
        if image.isdigit() and int(image) in index:
            place = index[int(image)]
            check_image(self.session, dataset.get_data_info(place)['img_path'])
            return pseudo_collate([dataset[place]])
        raise UserError(
            f'--image {image} is neither a file nor the id of an image of the '
            f'{self.session.split} split, such as {next(iter(index))}.'
        )

    def look(self) -> AttendedImage:
        """Choose points and people, and record what they look at."""
        model, batch = self.session.model, self.load()
        (sample,), (prediction,) = predict_batch(model, batch)
        queries = found_queries(prediction, self.session.score_thr)[
            : self.most_people
        ]
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
            maps=attention_maps(model, batch, points, queries),
        )

    def result(self) -> Result:
        seen = self.look()
        maps = seen.maps
        found = (
            'the people with the highest scores'
            if len(seen.scores)
            else 'no person, as none was found'
        )
        ran = (
            self.what_was_run
            if self.needs_images
            else f'{self.session.description}.'
        )
        return Result(
            name=self.name,
            title='Attention (Fig. 5)',
            caption=f'Image {osp.basename(seen.path)}. Above: self-attention '
            'of the last encoder layer at the numbered points. Below: '
            f'cross-attention of every decoder layer, of {found}. Mean over '
            'the heads; the colours of each map end at its own maximum, at '
            f'least at four times its mean. {ran}',
            numbers=dict(
                image=osp.basename(seen.path),
                points=seen.points,
                scores=seen.scores,
                extent=maps.extent,
                encoder=np.round(maps.encoder.astype(np.float64), 6),
                decoder=np.round(maps.decoder.astype(np.float64), 6),
            ),
            draw=lambda out: draw_attention(seen, self.session.metainfo, out),
        )
