"""Read the headers of image files, and define what is wrong with them."""

import os
import os.path as osp
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Iterator, List, Optional

import mmcv
import numpy as np
from PIL import Image

from ..columns import Table, each
from ..rules import MAX_SIDE, image_rule

ORIENTATION = 0x0112  # EXIF's tag; 1 is upright
SMALL = 32  # pixels, the stride of a ResNet
WIDE_MODES = ('I', 'F', 'I;16', 'I;16B', 'I;16L', 'I;16N')


@dataclass
class ImageFile:
    """Hold the header of an image file."""

    exists: bool = False
    size: tuple = (np.nan, np.nan)  # (w, h) as training loads it
    mode: str = ''  # of PIL: RGB, L, CMYK, I;16, ...
    orientation: int = 1
    error: Optional[str] = None


def read_file(path: str, decode: bool = False) -> ImageFile:
    """Read the header of an image file.

    Args:
        path (str): File.
        decode (bool): Also read all pixels. Defaults to False.
    """
    file = ImageFile(exists=osp.isfile(path))
    if not file.exists:
        return file
    if not os.stat(path).st_size:
        file.error = 'empty file'
        return file
    try:
        with Image.open(path) as image:
            file.size, file.mode = image.size, image.mode
            file.orientation = image.getexif().get(ORIENTATION, 1)
            if decode:
                image.load()
        if file.orientation != 1:  # cv2 turns only some formats
            loaded = mmcv.imread(path)
            file.size = loaded.shape[1::-1] if loaded is not None else (0, 0)
    except Exception as error:  # each format has its own
        file.error = f'{type(error).__name__}: {error}'
    return file


@contextmanager
def any_number_of_pixels() -> Iterator[None]:
    """Suspend PIL's limit on the size of an image.

    Training loads images with cv2, which allows sides up to ``MAX_SIDE``.
    """
    limit = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def read_files(table: Table, folder: str, decode: bool) -> List[ImageFile]:
    """Read the headers of all image files, in the order of the table."""
    paths = [
        osp.join(folder, str(image.get('file_name'))) for image in table.images
    ]
    threads = min(8, os.cpu_count() or 1)
    with any_number_of_pixels(), ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda path: read_file(path, decode), paths))


@dataclass
class FileTable:
    """Hold image files beside their entries in the annotation file."""

    table: Table
    files: List[ImageFile]

    def __getattr__(self, name: str) -> Any:
        """Return a column of the annotation file."""
        return getattr(self.table, name)

    @cached_property
    def loaded(self) -> np.ndarray:
        """Return width and height (I, 2) of the files in pixels.

        They are NaN if a file cannot be read.
        """
        return np.array([file.size for file in self.files]).reshape(-1, 2)

    @cached_property
    def differ(self) -> np.ndarray:
        """Return the files (I, ) whose size is not that of their entry."""
        known = np.isfinite(self.loaded) & np.isfinite(self.sizes)
        return (known & (self.loaded != self.sizes)).any(axis=1)


def both_sizes(t: FileTable, i: int) -> str:
    """Return the size of a file, and that of its entry."""
    (w, h), (ann_w, ann_h) = t.loaded[i], t.sizes[i]
    turn = t.files[i].orientation
    return (
        f'{w:g} x {h:g} pixels, {ann_w:g} x {ann_h:g} in the annotation file'
        + (f', EXIF orientation {turn}' if turn != 1 else '')
    )


WRONG_FILES = [
    image_rule(
        'missing_images',
        lambda t: each(t.files, lambda file: not file.exists),
        'images are not in the folder',
        'Put them there, correct file_name '
        'or --images, or remove their entries and annotations.',
    ),
    image_rule(
        'broken_images',
        lambda t: each(t.files, lambda file: file.error is not None),
        'images cannot be read',
        'Copy them again, remove their entries and '
        "annotations, or train with faults='skip'.",
        lambda t, i: t.files[i].error,
    ),
    image_rule(
        'sizes_differ',
        lambda t: t.differ,
        'images have another size than in the annotation file',
        'Correct width and height if the keypoints lie right on the image, '
        'else the keypoints or the image. With an EXIF orientation: rewrite '
        'the image without it, upright.',
        both_sizes,
    ),
    image_rule(
        'huge_images',
        lambda t: (t.loaded > MAX_SIDE).any(axis=1),
        f'images have a side of more than {MAX_SIDE} pixels',
        'Make them smaller, with their annotations.',
        both_sizes,
    ),
]
UNUSUAL_FILES = [
    image_rule(
        'wide_images',
        lambda t: each(t.files, lambda file: file.mode in WIDE_MODES),
        'images have more than 8 bits per channel',
        'Training keeps the upper 8 of 16 bits, clips floating-point values '
        'to [0, 255] and cannot read 32-bit gray TIFF. Convert the images if '
        'that loses detail.',
        lambda t, i: t.files[i].mode,
    ),
    image_rule(
        'exif_orientation',
        lambda t: (
            each(t.files, lambda file: file.orientation != 1) & ~t.differ
        ),
        'images are rotated by EXIF',
        'Check that annotations match the rotated image; training rotates '
        'JPEG and PNG only.',
        both_sizes,
    ),
    image_rule(
        'tiny_images',
        lambda t: (t.loaded < SMALL).any(axis=1),
        f'images have a side of less than {SMALL} pixels',
        'They are enlarged. Check that people can be recognised.',
        both_sizes,
    ),
]
