"""Load images, and raise an error for damaged ones."""

from typing import Optional

import mmcv
import numpy as np
from mmengine.fileio import get
from mmpose.datasets.transforms import LoadImage
from mmpose.registry import TRANSFORMS

from ...errors import DataFault


@TRANSFORMS.register_module()
class LoadIntactImage(LoadImage):
    """Load an image as MMPose's ``LoadImage`` does, with named errors.

    Gray, CMYK, 16-bit (divided by 256) and transparent images become BGR of 8
    bits. EXIF turns JPEG and PNG images; cv2 ignores it in other formats. It
    is an error if the annotations have another size, because keypoints would
    be elsewhere. Damage that leaves a readable file of the right size is not
    found.

    Args:
        **kwargs: As in MMPose's ``LoadImage``, without
            ``ignore_empty``: the data set decides about damaged images, see
            ``faults`` of :class:`poet_mm.datasets.coco.BottomupCocoDataset`.
    """

    def transform(self, results: dict) -> Optional[dict]:
        """Load ``img`` unless it is there, and set its shapes.

        Raises:
            DataFault: The image cannot be read, or its size is not that of
                the annotations.
        """
        if 'img' not in results:
            results['img'] = self._load(results['img_path'])
        results = super().transform(results)
        check_size(results)
        return results

    def _load(self, path: str) -> np.ndarray:
        try:
            content = get(path, backend_args=self.backend_args)
        except OSError as error:
            raise DataFault(
                f'Image {path!r} cannot be read: {error.strerror or error}.'
            ) from error
        if not content:
            raise DataFault(f'Image {path!r} is an empty file.')
        try:
            image = mmcv.imfrombytes(
                content, flag=self.color_type, backend=self.imdecode_backend
            )
        except Exception as error:  # each backend has its own
            raise DataFault(
                f'Image {path!r} cannot be decoded: {error}'
            ) from error
        if image is None:
            raise DataFault(
                f'Image {path!r} ({len(content):,} bytes) cannot '
                'be decoded: it is damaged, not complete or of a '
                f'format that {self.imdecode_backend} lacks.'
            )
        return image


def check_size(results: dict) -> None:
    """Raise a DataFault if an image has another size than its annotations."""
    h, w = results['img_shape']
    ann_w, ann_h = results.get('width'), results.get('height')
    if None in (ann_w, ann_h) or (ann_w, ann_h) == (w, h):
        return
    hint = ''
    if (ann_w, ann_h) == (h, w):
        hint = ' Is one of them turned, and the other not (EXIF)?'
    raise DataFault(
        f'Image {results["img_path"]!r} has {w} x {h} pixels, its annotations '
        f'are for {ann_w} x {ann_h}: keypoints would be elsewhere.{hint} '
        'Correct the file, or the annotations and their width and height.'
    )
