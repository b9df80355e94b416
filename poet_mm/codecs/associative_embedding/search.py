"""Search the whole map for the keypoints of a person that have no peak.

The search is exact. Bounds of the cost in each block of cells skip most of the
map. The position of a cell is its centre.

Letters: C channels, K keypoints, (H, W) cells, L tags of a keypoint, G people,
S searches, n blocks of a map.
"""

from typing import Tuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .peaks import pool

TAG_WEIGHT = 100  # a tag distance of 1 outweighs any heatmap difference
BLOCK = 8  # cells along a side of a block
FIRST_BLOCKS = 8  # number of blocks that are searched first
MAX_BLOCKS = 4096  # blocks searched at once, to limit the memory


def search_cost(heatmaps: Tensor, tags: Tensor, wanted: Tensor) -> Tensor:
    """Return the cost that :func:`search_cells` minimises.

    Args:
        heatmaps (Tensor): (S, n), n cells of each of S searches.
        tags (Tensor): (S, L, n).
        wanted (Tensor): (S, L).

    Returns:
        Tensor: (S, n).
    """
    parts = (tags - wanted[..., None]).abs_().unbind(1)
    distance = parts[0]
    for part in parts[1:]:
        distance = distance.hypot(part)
    return distance.round_().mul_(TAG_WEIGHT).sub_(heatmaps)


def take_blocks(maps: Tensor, channel: Tensor, block: Tensor) -> Tensor:
    """Return the cells of some blocks.

    Args:
        maps (Tensor): (C, ..., H, W).
        channel (Tensor): (P, ), channel of each block.
        block (Tensor): (P, ), index of each block in its map, row by row.

    Returns:
        Tensor: (P, ..., BLOCK^2).
    """
    across = maps.shape[-1] // BLOCK
    maps = maps.unflatten(-2, (-1, BLOCK)).unflatten(-1, (-1, BLOCK))
    taken = maps[channel, ..., block // across, :, block % across, :]
    return taken.flatten(-2)


def search_cells(
    heatmaps: Tensor, tags: Tensor, channel: Tensor, wanted: Tensor
) -> Tensor:
    """Return the best cell of each keypoint that has no peak.

    It is the highest of the cells whose tag is nearest to the person's, by
    the rounded distance.

    1. Bound the cost of each block from below, by its highest heatmap value
       and its tag nearest to the wanted one.
    2. Search the few blocks with the lowest bounds.
    3. Search every block whose bound is below the cost found there.

    Args:
        heatmaps (Tensor): (C, H, W), sides multiples of :data:`BLOCK`.
        tags (Tensor): (C, L, H, W).
        channel (Tensor): (S, ), channel of each search.
        wanted (Tensor): (S, L), the person's tag.

    Returns:
        Tensor: (S, ), ``y * W + x``.
    """
    # 1. (S, n) for n blocks
    low, high, highest = (
        pool(maps, BLOCK, pick).flatten(-2)[channel]
        for maps, pick in (
            (tags, torch.amin),
            (tags, torch.amax),
            (heatmaps, torch.amax),
        )
    )
    nearest = torch.minimum(torch.maximum(wanted[..., None], low), high)
    bound = search_cost(highest, nearest, wanted)

    def search_blocks(search: Tensor, block: Tensor) -> Tuple[Tensor, Tensor]:
        """Return the least cost, and its cell, of blocks (P, )."""
        cost = search_cost(
            take_blocks(heatmaps, channel[search], block),
            take_blocks(tags, channel[search], block),
            wanted[search],
        )
        lowest, cell = cost.min(dim=1)
        W = heatmaps.shape[-1]
        across = W // BLOCK
        y = block // across * BLOCK + cell // BLOCK
        return lowest, y * W + block % across * BLOCK + cell % BLOCK

    # 2.
    S = len(channel)
    first = min(FIRST_BLOCKS, bound.shape[1])
    block = bound.topk(first, largest=False)[1].flatten()  # (S first, )
    search = torch.arange(S, device=block.device).repeat_interleave(first)
    lowest, found = search_blocks(search, block)
    lowest, place = lowest.view(S, first).min(dim=1)
    found = found.view(S, first).gather(1, place[:, None]).squeeze(1)

    # 3.
    left = (bound < lowest[:, None]).nonzero()  # (P, 2)
    for search, block in (pairs.unbind(1) for pairs in left.split(MAX_BLOCKS)):
        cost, cell = search_blocks(search, block)
        lowest = lowest.scatter_reduce(0, search, cost, 'amin')
        best = cost == lowest[search]
        found[search[best]] = cell[best]
    return found


def pad_to_blocks(maps: Tensor, value: float) -> Tensor:
    """Extend (..., H, W) right and below to multiples of :data:`BLOCK`."""
    H, W = maps.shape[-2:]
    if H % BLOCK == W % BLOCK == 0:
        return maps
    return F.pad(maps, (0, -W % BLOCK, 0, -H % BLOCK), value=value)


def search_keypoints(
    people: np.ndarray, tags: np.ndarray, heatmaps: Tensor, tag_maps: Tensor
) -> Tuple[np.ndarray, np.ndarray]:
    """Search the keypoints for which a person has no peak.

    Args:
        people (np.ndarray): (G, K), -1 where there is no peak.
        tags (np.ndarray): (G, K, L) of the peaks, ignored where people < 0.
        heatmaps (Tensor): (K, H, W) of the image.
        tag_maps (Tensor): (K, L, H, W).

    Returns:
        tuple[np.ndarray, np.ndarray]: points (S, 2) in cells, and scores
        (S, ), in the order of ``np.nonzero(people < 0)``.
    """
    found = people >= 0
    means = (tags * found[..., None]).sum(1) / found.sum(1, keepdims=True)
    person, missing = np.nonzero(~found)
    keypoint = torch.from_numpy(missing).to(heatmaps.device)
    wanted = torch.from_numpy(means[person]).to(heatmaps)  # (S, L)
    cells = search_cells(heatmaps, tag_maps, keypoint, wanted)
    W = heatmaps.shape[-1]
    y, x = cells // W, cells % W
    scores = heatmaps[keypoint, y, x].cpu().numpy()
    return torch.stack([x, y], 1).cpu().numpy() + 0.5, scores
