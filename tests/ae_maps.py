"""The AE baseline's codec, and heatmaps and tags as a network makes them."""

import numpy as np
import torch

from poet_mm.codecs.associative_embedding.codec import AECodec

K = 5


def make_codec(stride=4, size=(128, 96), sigma=1.0, **kwargs):
    cells = (size[0] // stride, size[1] // stride)
    return AECodec(input_size=size, heatmap_size=cells, sigma=sigma, **kwargs)


def random_maps(num_people, cells=96, num_tags=1, seed=0, missing=0.15):
    """Heatmaps (1, K, H, W) and tags (1, LK, H, W) such as a network makes:
    blobs of different height, some (but none of the first joint) too low to be
    peaks, those of a joint apart from each other; noise everywhere."""
    rng = np.random.default_rng(seed)
    heatmaps = rng.normal(0, 0.01, (K, cells, cells))
    tags = rng.normal(0, 0.05, (num_tags, K, cells, cells))
    yy, xx = np.mgrid[:cells, :cells]
    for k in range(K):
        places = rng.permutation(36)
        for n in range(num_people):
            y, x = np.array(divmod(places[n], 6)) * 15 + rng.integers(7, 13, 2)
            blob = np.exp(-((xx - x) ** 2 + (yy - y) ** 2) / 8)
            tags[:, k][:, blob > 0.02] = 3 * n + 2 + rng.normal(0, 0.1)
            low = k > 0 and rng.random() < missing
            blob *= rng.uniform(0.5, 1) * (0.05 if low else 1)
            heatmaps[k] = np.maximum(heatmaps[k], blob)
    tags += rng.normal(0, 0.003, tags.shape)
    return (
        torch.tensor(heatmaps, dtype=torch.float32)[None],
        torch.tensor(tags, dtype=torch.float32).flatten(0, 1)[None],
    )
