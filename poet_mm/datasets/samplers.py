"""Make batches of images of similar shape, so that little of them is padding.

Images of a batch are padded to the largest height and width among them. With
random images and a random size for each, 41 % of the pixels of a batch of 6
are padding in POET's recipe (study 1). Two things lower that:

- :class:`SimilarShapeBatchSampler` chooses images of similar aspect ratio;
- :class:`SameInBatch` draws the same random numbers for a whole batch.

Each image still comes once in an epoch, and its augmentation has the
distribution of the recipe. But the images of a batch are not a random choice,
and their sizes are not independent.
"""

from contextlib import contextmanager, nullcontext
from itertools import islice
from typing import ContextManager, Iterator, List

import numpy as np
from mmpose.registry import DATA_SAMPLERS
from torch.utils.data import Sampler

WINDOW = 16  # batches that are sorted together


class BatchIndex(int):
    """Carry the index of an image and the seed of its batch.

    Data sets of mmengine pass it to the pipeline as ``sample_idx``.
    """

    def __new__(cls, index: int, batch_seed: int) -> 'BatchIndex':
        """Make an integer that also has batch_seed."""
        self = super().__new__(cls, index)
        self.batch_seed = batch_seed
        return self

    def __reduce__(self):
        return BatchIndex, (int(self), self.batch_seed)


@contextmanager
def numpy_seeded(*seed: int) -> Iterator[None]:
    """Seed ``np.random`` inside, and restore its state afterwards."""
    state = np.random.get_state()
    np.random.seed(np.random.SeedSequence(seed).generate_state(4))
    try:
        yield
    finally:
        np.random.set_state(state)


def image_rng(index: int) -> ContextManager:
    """Return a context that seeds ``np.random`` for an image of a batch.

    Its random numbers then depend neither on the worker that loads it nor on
    the images before, and a resumed run draws the same.
    """
    if isinstance(index, BatchIndex):
        return numpy_seeded(index.batch_seed, 1 + int(index))
    return nullcontext()


@DATA_SAMPLERS.register_module()
class SimilarShapeBatchSampler(Sampler):
    """Cut the order of a sampler into batches of similar aspect ratio.

    1. Take a window of some batches from the sampler.
    2. Sort its images by width / height, and cut batches.
    3. Shuffle the batches, and give each a seed.

    Every index of the sampler comes once. Everything follows from seed and
    epoch of the sampler, also the augmentation (:func:`image_rng`), so a
    resumed run equals one without a break. All ranks shuffle in the same
    order: in a step they get batches of similar shape with the same seed, and
    do not wait for each other.

    Use it as ``batch_sampler`` of a ``train_dataloader``; mmengine adds
    ``sampler`` and ``batch_size``. It yields lists of :class:`BatchIndex`.

    Args:
        sampler (Sampler): With ``seed``, and a ``dataset`` whose
            ``get_data_info`` has ``width`` and ``height``.
        batch_size (int): Images of a batch; the last one may be smaller.
    """

    def __init__(self, sampler: Sampler, batch_size: int) -> None:
        if batch_size < 1:
            raise ValueError(
                f'batch_size is {batch_size}, expected at least 1.'
            )
        self.sampler = sampler
        self.batch_size = batch_size
        # With a window of an epoch, a small data set would have the same
        # batches in every epoch.
        self.window = max(1, min(WINDOW, len(self) // 4))
        dataset = sampler.dataset
        self.ratios = [aspect_ratio(dataset, i) for i in range(len(dataset))]

    def __iter__(self) -> Iterator[List[BatchIndex]]:
        """Iterate over the batches of one epoch."""
        epoch = getattr(self.sampler, 'epoch', 0)
        rng = np.random.default_rng([self.sampler.seed, epoch])
        indices = iter(self.sampler)
        # 1. A window
        while window := list(islice(indices, self.window * self.batch_size)):
            # 2. Batches
            window.sort(key=self.ratios.__getitem__)
            batches = [
                window[i : i + self.batch_size]
                for i in range(0, len(window), self.batch_size)
            ]
            # 3. In any order
            for n in rng.permutation(len(batches)):
                seed = int(rng.integers(2**32))
                yield [BatchIndex(index, seed) for index in batches[n]]

    def __len__(self) -> int:
        """Return the number of batches of an epoch, the same on every rank."""
        return -(-len(self.sampler) // self.batch_size)


def aspect_ratio(dataset, index: int) -> float:
    """Return width / height of an image of a data set."""
    info = dataset.get_data_info(index)
    if 'width' not in info or 'height' not in info:
        raise ValueError(
            f'{type(dataset).__name__} has {sorted(info)} for image {index}, '
            'expected width and height. Use BottomupCocoDataset and an '
            'annotation file with both, or batch_sampler=None.'
        )
    return info['width'] / info['height']
