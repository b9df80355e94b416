"""Find the peaks of heatmaps.

Differences from MMPose, on purpose:

- Of equal cells in a window the first in reading order is the peak; MMPose
  takes all of them, which turns one keypoint into several.
- A keypoint is refined at every cell with neighbours on both sides; MMPose
  leaves out the second column and row.
- The position of a cell is its centre, ``(x + 0.5, y + 0.5)`` in cells.

Letters: B images, K keypoints, C = B K channels, (H, W) cells, L tags of a
keypoint, M peaks.
"""

from typing import Callable, NamedTuple, Tuple

import numpy as np
import torch
from torch import Tensor


class Peaks(NamedTuple):
    """Hold the peaks of a batch, by image, by keypoint, the highest first.

    ``channel`` (M, ), ``image * K + keypoint``; ``points`` (M, 2), refined, in
    cells; ``scores`` (M, ); ``tags`` (M, L).
    """

    channel: np.ndarray
    points: np.ndarray
    scores: np.ndarray
    tags: np.ndarray


def pool(maps: Tensor, side: int, pick: Callable) -> Tensor:
    """Return ``pick`` of side x side blocks, (..., H/side, W/side).

    Rows come first, so that memory is read in order.
    """
    rows = pick(maps.unflatten(-2, (-1, side)), -2)
    return pick(rows.unflatten(-1, (-1, side)), -1)


def find_peaks(
    heatmaps: Tensor, threshold: float, kernel: int
) -> Tuple[Tensor, Tensor, Tensor]:
    """Return the cells that are the maximum of their window.

    1. A peak is the highest of its 2 x 2 block.
    2. Its four neighbours are not higher,
    3. nor is the rest of the window; of equal cells the first is the peak.

    Args:
        heatmaps (Tensor): (C, H, W), C channels of any images, sides even.
        threshold (float): Lower limit of the peaks.
        kernel (int): Odd side of the window in cells, at least 3.

    Returns:
        tuple[Tensor, Tensor, Tensor]: channel, y and x, (M, ) each.
    """
    H, W = heatmaps.shape[1:]
    # 1.
    highest = pool(heatmaps, 2, torch.amax) > threshold
    channel, y, x = highest.nonzero().unbind(1)
    corner = torch.arange(4, device=x.device)
    ys = 2 * y[:, None] + corner // 2  # (M, 4)
    xs = 2 * x[:, None] + corner % 2
    best = heatmaps[channel[:, None], ys, xs].argmax(1, keepdim=True)
    y, x = ys.gather(1, best).squeeze(1), xs.gather(1, best).squeeze(1)

    reach = torch.arange(kernel, device=x.device) - kernel // 2
    window = torch.cartesian_prod(reach, reach)
    cross = window[window.abs().sum(1) == 1]
    for places in (cross, window):  # 2., 3.
        ys = (y[:, None] + places[:, 0]).clamp(0, H - 1)  # (M, places)
        xs = (x[:, None] + places[:, 1]).clamp(0, W - 1)
        score = heatmaps[channel, y, x][:, None]
        around = heatmaps[channel[:, None], ys, xs]
        earlier = ys * W + xs < (y * W + x)[:, None]
        beaten = (around > score) | ((around == score) & earlier)
        stays = ~beaten.any(1)
        channel, y, x = channel[stays], y[stays], x[stays]
    return channel, y, x


def quarter_shift(
    heatmaps: Tensor, channel: Tensor, y: Tensor, x: Tensor
) -> Tensor:
    """Return a quarter of a cell towards the higher neighbour, (M, 2).

    It is 0 at the border and beside cells of -inf.
    """
    H, W = heatmaps.shape[1:]
    dx = (
        heatmaps[channel, y, (x + 1).clamp(max=W - 1)]
        - heatmaps[channel, y, (x - 1).clamp(min=0)]
    )
    dy = (
        heatmaps[channel, (y + 1).clamp(max=H - 1), x]
        - heatmaps[channel, (y - 1).clamp(min=0), x]
    )
    inside = torch.stack([(x > 0) & (x < W - 1), (y > 0) & (y < H - 1)], 1)
    slope = torch.stack([dx, dy], 1)  # (M, 2)
    return 0.25 * slope.sign() * (inside & slope.isfinite())


def gather_peaks(
    heatmaps: Tensor, tags: Tensor, threshold: float, kernel: int, topk: int
) -> Peaks:
    """Return the ``topk`` highest peaks of every channel, on the host.

    Args:
        heatmaps (Tensor): (B, K, H, W).
        tags (Tensor): (B, L, K, H, W).
        threshold (float): See :func:`find_peaks`.
        kernel (int): See :func:`find_peaks`.
        topk (int): Largest number of peaks of a channel.
    """
    B, K = heatmaps.shape[:2]
    flat = heatmaps.flatten(0, 1)  # (BK, H, W)
    channel, y, x = find_peaks(flat, threshold, kernel)
    scores = flat[channel, y, x]
    # sort by channel, then by score, and keep the first topk of a channel
    order = scores.argsort(descending=True, stable=True)
    order = order[channel[order].argsort(stable=True)]
    counts = channel.bincount(minlength=B * K)
    start = counts.cumsum(0) - counts  # (BK, )
    sorted_channel = channel[order]
    rank = torch.arange(len(order), device=order.device)
    order = order[rank - start[sorted_channel] < topk]
    channel, y, x = channel[order], y[order], x[order]
    points = torch.stack([x, y], 1) + 0.5 + quarter_shift(flat, channel, y, x)
    picked = tags[channel // K, :, channel % K, y, x]  # (M, L)
    return Peaks(
        *(
            values.cpu().numpy()
            for values in (channel, points, scores[order], picked)
        )
    )
