"""From heatmaps and tags to people.

Source: Associative Embedding (arXiv 1611.05424), section 3.3, in the form of
MMPose's ``AssociativeEmbedding.batch_decode``, of which it keeps every rule.
Differences, all on purpose:

- Of equal cells in a window the first in reading order is the peak; MMPose
  takes all of them, which turns one joint into several.
- A peak too far from a person is too far, however far. MMPose adds up the
  distances of such pairs, too; as tags lie on a line, handing every joint on
  to the next person is as cheap as starting one, and people fall apart.
- Of assignments of equal cost, of which the rounding of distances makes many,
  the one with the nearest tags is taken, high peaks first; MMPose takes any.
- People whose tags are equal to the last bit stay apart.
- A joint is refined at every cell with neighbours on both sides; MMPose leaves
  out the second column and row.
- A person's tag is read at the peaks; MMPose reads it at the refined place,
  rounded down, which may be the cell beside.
- A position is where a cell has its middle, ``(x + 0.5, y + 0.5)`` in cells,
  for filled-in joints too.

Letters: B images, K joints, (H, W) cells, L tags of a joint, M peaks,
G people.
"""
from functools import reduce
from typing import Callable, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn import functional as F

LEVEL = 100  # a tag distance of one outweighs any difference of heatmaps
NEARER = 1e-6  # the distance itself decides between equals only

BLOCK = 8  # cells along a side of the blocks in which a search looks
FEW = 8  # blocks in which it looks first
MANY = 4096  # blocks that are looked at together, which limits the memory


class Peaks(NamedTuple):
    """Peaks of a batch, by image, by joint, the highest first.

    ``channel`` (M, ), image x K + joint; ``points`` (M, 2), refined, in
    cells; ``scores`` (M, ); ``tags`` (M, L).
    """
    channel: np.ndarray
    points: np.ndarray
    scores: np.ndarray
    tags: np.ndarray


def pool(maps: Tensor, side: int, pick: Callable) -> Tensor:
    """``pick`` of side x side blocks: (..., H, W) -> (..., H/side, W/side).

    Rows first, so that memory is read in order.
    """
    rows = pick(maps.unflatten(-2, (-1, side)), -2)
    return pick(rows.unflatten(-1, (-1, side)), -1)


def find_peaks(heatmaps: Tensor, threshold: float,
               kernel: int) -> Tuple[Tensor, Tensor, Tensor]:
    """Highest cells of the kernel x kernel window around them.

    1. A peak is the highest of its 2 x 2 block.
    2. It is not beaten by its four neighbours,
    3. nor by the rest of the window; of equal cells the first is the peak.

    Args:
        heatmaps (Tensor): (C, H, W), C channels of any images, sides even.
        threshold (float): Peaks are higher than that.
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


def quarter_shift(heatmaps: Tensor, channel: Tensor, y: Tensor,
                  x: Tensor) -> Tensor:
    """A quarter of a cell towards the higher neighbour, (M, 2); nowhere at
    the border and beside cells that are out of question."""
    H, W = heatmaps.shape[1:]
    dx = (
        heatmaps[channel, y, (x + 1).clamp(max=W - 1)] -
        heatmaps[channel, y, (x - 1).clamp(min=0)])
    dy = (
        heatmaps[channel, (y + 1).clamp(max=H - 1), x] -
        heatmaps[channel, (y - 1).clamp(min=0), x])
    inside = torch.stack([(x > 0) & (x < W - 1), (y > 0) & (y < H - 1)], 1)
    slope = torch.stack([dx, dy], 1)  # (M, 2)
    return 0.25 * slope.sign() * (inside & slope.isfinite())


def gather_peaks(heatmaps: Tensor, tags: Tensor, threshold: float, kernel: int,
                 topk: int) -> Peaks:
    """The ``topk`` highest peaks of every channel, on the host.

    Args:
        heatmaps (Tensor): (B, K, H, W).
        tags (Tensor): (B, L, K, H, W).
        threshold, kernel: See :func:`find_peaks`.
        topk (int): Most peaks of a channel.
    """
    B, K = heatmaps.shape[:2]
    flat = heatmaps.flatten(0, 1)  # (BK, H, W)
    channel, y, x = find_peaks(flat, threshold, kernel)
    scores = flat[channel, y, x]
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
    return Peaks(*(values.cpu().numpy()
                   for values in (channel, points, scores[order], picked)))


def group_peaks(scores: np.ndarray, tags: np.ndarray, joint: np.ndarray,
                joint_order: Sequence[int], tag_thr: float) -> np.ndarray:
    """Assign the peaks of one image to people by their tags.

    Joint after joint, the peaks are matched with the people found so far:
    first by the rounded distance of tags, then by score (Hungarian). A peak
    that is left over, or farther than ``tag_thr``, starts a new person.

    Args:
        scores (np.ndarray): (M, ).
        tags (np.ndarray): (M, L).
        joint (np.ndarray): (M, ), joint of each peak, ascending.
        joint_order (Sequence[int]): K joints, the most certain first.
        tag_thr (float): Largest distance to a person's mean tag.

    Returns:
        np.ndarray: (G, K), index of the peak of each joint, -1 for none.
    """
    K = len(joint_order)
    first = np.searchsorted(joint, np.arange(K + 1))
    people = np.full((len(scores), K), -1)
    total = np.zeros((len(scores), tags.shape[1]), dtype=np.float64)
    count = np.zeros(len(scores), dtype=np.int64)
    G = 0
    for k in joint_order:
        peaks = np.arange(first[k], first[k + 1])  # (m, )
        owner = np.full(len(peaks), -1)
        if G and len(peaks):
            means = total[:G] / count[:G, None]
            distance = np.linalg.norm(tags[peaks, None] - means, axis=2)
            near = distance < tag_thr  # (m, G)
            height = scores[peaks, None]  # (m, 1)
            level = np.where(near, np.round(distance), tag_thr + 1)
            cost = LEVEL * level - height * (1 - NEARER * near * distance)
            rows, columns = linear_sum_assignment(cost)
            near = near[rows, columns]
            owner[rows[near]] = columns[near]
        new = owner < 0
        owner[new] = G + np.arange(new.sum())
        G += new.sum()
        people[owner, k] = peaks
        total[owner] += tags[peaks]
        count[owner] += 1
    return people[:G]


def search_cost(heatmaps: Tensor, tags: Tensor, wanted: Tensor) -> Tensor:
    """What :func:`search_cells` minimises.

    Args:
        heatmaps (Tensor): (S, n), n cells of each of S searches.
        tags (Tensor): (S, L, n).
        wanted (Tensor): (S, L).

    Returns:
        Tensor: (S, n).
    """
    distance = (tags - wanted[..., None]).abs_().unbind(1)
    distance = reduce(torch.hypot, distance)
    return distance.round_().mul_(LEVEL).sub_(heatmaps)


def to_blocks(maps: Tensor) -> Tensor:
    """Cells by block: (..., H, W) -> (..., n, BLOCK^2)."""
    maps = maps.unflatten(-2, (-1, BLOCK)).unflatten(-1, (-1, BLOCK))
    return maps.transpose(-2, -3).flatten(-2).flatten(-3, -2)


def search_cells(heatmaps: Tensor, tags: Tensor, channel: Tensor,
                 wanted: Tensor) -> Tensor:
    """Where joints would be that have no peak: the highest of the cells whose
    tag is nearest to the person's, by the rounded distance.

    1. No cell of a block can be better than its highest heatmap value at the
       tag of the block that is nearest to the wanted one.
    2. Look into the few blocks that promise most.
    3. Whatever another block promises more than was found: look everywhere.

    Args:
        heatmaps (Tensor): (C, H, W), sides multiples of :data:`BLOCK`.
        tags (Tensor): (C, L, H, W).
        channel (Tensor): (S, ), channel of each search.
        wanted (Tensor): (S, L), the person's tag.

    Returns:
        Tensor: (S, ), y x W + x.
    """
    used, channel = channel.unique(return_inverse=True)
    heatmaps, tags = heatmaps[used], tags[used]
    low, high, highest = (
        pool(maps, BLOCK, pick).flatten(-2)[channel]
        for maps, pick in ((tags, torch.amin), (tags, torch.amax),
                           (heatmaps, torch.amax)))
    # 1. (S, n) for n blocks
    nearest = torch.minimum(torch.maximum(wanted[..., None], low), high)
    promise = search_cost(highest, nearest, wanted)

    cells = torch.arange(heatmaps[0].numel(), device=channel.device)
    cells = to_blocks(cells.view_as(heatmaps[0]))  # (n, BLOCK^2)
    heatmaps, tags = to_blocks(heatmaps), to_blocks(tags)

    def look(search: Tensor, block: Tensor) -> Tuple[Tensor, Tensor]:
        """Least cost, and its cell, of blocks (P, ) for searches (P, )."""
        row = channel[search]
        lowest, place = search_cost(heatmaps[row, block], tags[row, :, block],
                                    wanted[search]).min(dim=1)
        return lowest, cells[block, place]

    # 2.
    S = len(channel)
    few = min(FEW, promise.shape[1])
    block = promise.topk(few, largest=False)[1].flatten()  # (S few, )
    search = torch.arange(S, device=block.device).repeat_interleave(few)
    lowest, found = look(search, block)
    lowest, place = lowest.view(S, few).min(dim=1)
    found = found.view(S, few).gather(1, place[:, None]).squeeze(1)

    # 3.
    for search, block in zip(*(index.split(MANY) for index in (
            promise < lowest[:, None]).nonzero().unbind(1))):
        cost, cell = look(search, block)
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


def fill_joints(people: np.ndarray, tags: np.ndarray, heatmaps: Tensor,
                tag_maps: Tensor) -> Tuple[np.ndarray, np.ndarray]:
    """Search the joints for which a person has no peak.

    Args:
        people (np.ndarray): (G, K), -1 where there is no peak.
        tags (np.ndarray): (G, K, L) of the peaks, anything elsewhere.
        heatmaps (Tensor): (K, H, W) of the image.
        tag_maps (Tensor): (K, L, H, W).

    Returns:
        tuple[np.ndarray, np.ndarray]: points (S, 2) in cells, and scores
        (S, ), in the order of ``np.nonzero(people < 0)``.
    """
    found = people >= 0
    means = (tags * found[..., None]).sum(1) / found.sum(1, keepdims=True)
    person, joint = np.nonzero(~found)
    joint = torch.from_numpy(joint).to(heatmaps.device)
    wanted = torch.from_numpy(means[person]).to(heatmaps)  # (S, L)
    cells = search_cells(heatmaps, tag_maps, joint, wanted)
    scores = heatmaps.flatten(1)[joint, cells].cpu().numpy()
    y, x = np.divmod(cells.cpu().numpy(), heatmaps.shape[-1])
    return np.stack([x, y], axis=1) + 0.5, scores


class People(NamedTuple):
    """People of an image: ``points`` (G, K, 2) in cells, ``scores`` (G, K),
    heatmap values; ``person_scores`` (G, ), mean score of a person's joints,
    those without a peak counted as 0."""
    points: np.ndarray
    scores: np.ndarray
    person_scores: np.ndarray


@torch.no_grad()
def decode_people(heatmaps: Tensor,
                  tags: Tensor,
                  joint_order: Sequence[int],
                  threshold: float = 0.1,
                  tag_thr: float = 1.0,
                  kernel: int = 5,
                  topk: int = 30,
                  max_people: Optional[int] = None) -> List[People]:
    """Decode a batch of maps.

    1. Find the peaks of all images and joints, and refine them.
    2. Group the peaks of each image by their tags.
    3. Search the joints that are missing.

    Args:
        heatmaps (Tensor): (B, K, H, W), -inf where nobody can be.
        tags (Tensor): (B, L * K, H, W), all joints of the first tag first.
        joint_order (Sequence[int]): See :func:`group_peaks`.
        threshold (float): A peak is higher than that.
        tag_thr (float): Largest distance to a person's mean tag.
        kernel (int): Odd side of the window of a peak, in cells.
        topk (int): Most peaks of a joint.
        max_people (int, optional): Most people of an image.
    """
    B, K = heatmaps.shape[:2]
    heatmaps = pad_to_blocks(heatmaps, float('-inf'))
    tags = pad_to_blocks(tags, 0).unflatten(1, (-1, K))  # (B, L, K, H, W)
    peaks = gather_peaks(heatmaps, tags, threshold, kernel, topk)
    ends = np.searchsorted(peaks.channel, K * np.arange(B + 1))
    decoded = []
    for b in range(B):
        here = Peaks(*(values[ends[b]:ends[b + 1]] for values in peaks))
        people = group_peaks(here.scores, here.tags, here.channel - K * b,
                             joint_order, tag_thr)[:max_people]
        missing = people < 0
        scores = np.where(missing, 0, here.scores[people])
        points, person_scores = here.points[people], scores.mean(axis=1)
        if missing.any():
            points[missing], scores[missing] = fill_joints(
                people, here.tags[people], heatmaps[b],
                tags[b].transpose(0, 1))
        decoded.append(People(points, scores, person_scores))
    return decoded
