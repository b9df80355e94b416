"""Check that an exported POET computes the same as the model.

The reference is computed by the data preprocessor and the model, as
``tools/test.py`` does.

Letters: B images, Q queries, K keypoints.
"""

from typing import Callable, Dict, List, Sequence, Tuple

import numpy as np
import torch
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from ..datasets.transforms.formatting import image_planes
from ..errors import UserError
from ..models.instances import person_scores
from ..models.targets import get_field

BATCH_SIZES = (1, 2)
TOLERANCE = 1e-4

Size = Tuple[int, int]  # height, width
Run = Callable[[np.ndarray, np.ndarray], Sequence[np.ndarray]]


def last_poses(fields: Dict[str, Tensor]) -> Tuple[Tensor, ...]:
    """Return the poses that the last decoder layer predicts.

    Args:
        fields (dict): Fields (L, B, Q, ...), see :meth:`POETHead.forward`.

    Returns:
        tuple[Tensor]: ``scores`` (B, Q), see :func:`person_scores`;
        ``keypoints`` (B, Q, K, 2) in [0, 1] of the un-padded image;
        ``visibility`` (B, Q, K); ``centers`` (B, Q, 2), like keypoints.
    """
    return (
        person_scores(fields)[-1],
        get_field(fields, 'keypoints')[-1],
        fields['visibility'][-1],
        fields['centers'][-1],
    )


@torch.no_grad()
def reference_poses(
    model: nn.Module, images: List[np.ndarray]
) -> List[np.ndarray]:
    """Return :func:`last_poses` of B images.

    They are computed by the data preprocessor and the model, as
    ``tools/test.py`` does.

    Args:
        model (nn.Module): In eval mode, on the CPU.
        images (list[np.ndarray]): (h, w, 3), uint8, RGB.
    """
    data = model.data_preprocessor(
        dict(
            inputs=[image_planes(image[..., ::-1]) for image in images],
            data_samples=[
                PoseDataSample(metainfo=dict(img_shape=image.shape[:2]))
                for image in images
            ],
        )
    )
    feats = model.extract_feat(data['inputs'])
    fields = model.head(feats, data['data_samples'])
    return [values.numpy() for values in last_poses(fields)]


def sizes_to_check(size: Size, divisor: int) -> List[Size]:
    """Return three sizes, rounded down to multiples of the divisor.

    They are the size, its transpose, and a smaller one.
    """
    height, width = size
    sizes = [size, (width, height), (3 * height // 4, width // 2)]
    return [
        tuple(max(1, length // divisor) * divisor for length in sides)
        for sides in sizes
    ]


def random_images(size: Size, count: int, padding: bool) -> List[np.ndarray]:
    """Return images (h, w, 3), uint8, of noise.

    The first has the given size. With padding, the others are smaller.
    """
    rng = np.random.default_rng(0)
    smaller = (size[0] - size[0] // 3, size[1] - size[1] // 5)
    sizes = [size] + (count - 1) * [smaller if padding else size]
    return [rng.integers(0, 256, (*s, 3), dtype=np.uint8) for s in sizes]


def pad_images(
    images: List[np.ndarray], divisor: int = 1
) -> Tuple[np.ndarray, np.ndarray]:
    """Pad images to the largest height and width, rounded up to multiples.

    Returns:
        tuple[np.ndarray, np.ndarray]: Batch (B, H, W, 3) with white padding,
        and padding mask (B, H, W), True at the padding.
    """
    sides = np.max([image.shape[:2] for image in images], 0)
    sides = -(-sides // divisor) * divisor
    batch = np.full((len(images), *sides, 3), 255, dtype=np.uint8)
    mask = np.ones(batch.shape[:3], dtype=bool)
    for i, image in enumerate(images):
        height, width = image.shape[:2]
        batch[i, :height, :width] = image
        mask[i, :height, :width] = False
    return batch, mask


def require_parity(
    model: nn.Module, run: Run, size: Size, padding: bool
) -> float:
    """Compare a graph with the model at three sizes and two batch sizes.

    Args:
        model (nn.Module): The original.
        run (callable): The graph: takes batch (B, H, W, 3) and padding mask
            (B, H, W), returns :func:`last_poses`.
        size (tuple[int, int]): See :func:`sizes_to_check`.
        padding (bool): Take images of different sizes.

    Returns:
        float: Largest difference of any output.

    Raises:
        UserError: The difference is above ``TOLERANCE``, or the graph fails.
    """
    errors = []
    divisor = model.data_preprocessor.pad_size_divisor
    for case in sizes_to_check(size, divisor):
        for count in BATCH_SIZES:
            images = random_images(case, count, padding)
            expected = reference_poses(model, images)
            try:
                outputs = run(*pad_images(images))
            except Exception as error:  # each runtime has its own classes
                lines = str(error).strip().splitlines()
                raise _no_parity(
                    f'fails on {count} images of {case[0]} x {case[1]} '
                    f'({lines[-1] if lines else type(error).__name__})'
                ) from error
            found, shapes = (
                [x.shape for x in poses] for poses in (outputs, expected)
            )
            if found != shapes:
                raise _no_parity(f'returns shapes {found}, expected {shapes}')
            errors += [abs(a - b).max() for a, b in zip(outputs, expected)]
    if not np.max(errors) <= TOLERANCE:  # also if it is NaN
        raise _no_parity(
            f'differs from the model by {np.max(errors):.1e}, '
            f'more than {TOLERANCE:.0e}'
        )
    return float(np.max(errors))


def _no_parity(problem: str) -> UserError:
    return UserError(
        f'The exported graph {problem}, so it was not written. Some part of '
        'the model may compute a value or a size in Python, which tracing '
        'makes a constant.'
    )
