"""Draw the same random numbers for all images of a batch.

See :mod:`poet_mm.datasets.samplers` for the reason.
"""

from typing import List

from mmcv.transforms import BaseTransform, Compose
from mmpose.registry import TRANSFORMS

from ..samplers import BatchIndex, numpy_seeded


@TRANSFORMS.register_module()
class SameInBatch(BaseTransform):
    """Apply transforms with the same random numbers to all images of a batch.

    They must draw from ``np.random``. An image without the seed of a batch
    draws its own numbers: it comes from another sampler, or from a data set
    inside of another.

    Args:
        transforms (list[dict]): Transforms, applied in order.
    """

    def __init__(self, transforms: List[dict]) -> None:
        self.transforms = Compose(transforms)

    def transform(self, results: dict) -> dict:
        """Transform with the seed of the batch, then restore the state."""
        index = results.get('sample_idx')
        if not isinstance(index, BatchIndex):
            return self.transforms(results)
        with numpy_seeded(index.batch_seed):
            return self.transforms(results)
