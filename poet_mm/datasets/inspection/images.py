"""Checks of the image files."""
import os
import os.path as osp
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Iterator, List, Optional

import mmcv
import numpy as np
from PIL import Image

from ..checks import MAX_SIDE
from .columns import Table
from .finding import Finding, find

ORIENTATION = 0x0112  # EXIF's tag; 1 is upright
SMALL = 32  # pixels, the stride of a ResNet
WIDE_MODES = ('I', 'F', 'I;16', 'I;16B', 'I;16L', 'I;16N')


@dataclass
class ImageFile:
    """What the header of a file tells, and its pixels if they were read."""
    exists: bool = False
    size: tuple = (np.nan, np.nan)  # (w, h) as training loads it
    mode: str = ''  # of PIL: RGB, L, CMYK, I;16, ...
    orientation: int = 1
    error: Optional[str] = None


def read_file(path: str, decode: bool = False) -> ImageFile:
    """Look at an image file.

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
        if file.orientation != 1:  # only some formats are turned by cv2
            loaded = mmcv.imread(path)
            file.size = loaded.shape[1::-1] if loaded is not None else (0, 0)
    except Exception as error:  # each format has its own
        file.error = f'{type(error).__name__}: {error}'
    return file


@contextmanager
def any_number_of_pixels() -> Iterator[None]:
    """Without PIL's limit, of its whole process: training loads images with
    cv2, which takes all up to ``MAX_SIDE``."""
    limit = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def read_files(table: Table, folder: str, decode: bool) -> List[ImageFile]:
    """Look at all image files, in the order of the table."""
    paths = [osp.join(folder, str(image.get('file_name')))
             for image in table.images]
    threads = min(8, os.cpu_count() or 1)
    with any_number_of_pixels(), ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda path: read_file(path, decode), paths))


def check_images(table: Table, folder: str,
                 files: List[ImageFile]) -> Iterator[Finding]:
    """Files are there, whole, and of the size that the annotations tell.

    Args:
        table (Table): Annotations.
        folder (str): Where the files are.
        files (list[ImageFile]): From :func:`read_files`.
    """
    exists = np.array([file.exists for file in files], dtype=bool)
    broken = np.array([file.error is not None for file in files], dtype=bool)
    yield from find(
        'missing_images', True, f'images are not in {folder}', ~exists,
        table.image, 'Put them there, correct file_name or --images, or '
        'remove their entries and annotations.')
    yield from find(
        'broken_images', True, 'images cannot be read', exists & broken,
        lambda i: f'{table.image(i)}: {files[i].error}',
        'Copy them again, or remove their entries and annotations '
        "(or train with faults='skip').")
    yield from check_sizes(table, files)
    yield from find(
        'wide_images', False, 'images have more than 8 bits per channel',
        np.array([file.mode in WIDE_MODES for file in files], dtype=bool),
        lambda i: f'{table.image(i)}: {files[i].mode}',
        'Training takes the upper 8 of 16 bits; of floating point it takes '
        'what lies in 0 to 255. Convert them if that leaves too little.')


def check_sizes(table: Table, files: List[ImageFile]) -> Iterator[Finding]:
    """Sizes and turns of the files."""
    sizes = np.array([file.size for file in files]).reshape(-1, 2)  # (I, 2)
    known = np.isfinite(sizes).all(axis=1)
    turned = np.array([file.orientation != 1 for file in files], dtype=bool)
    differ = known & (table.sizes >= 1).all(axis=1) & (
        sizes != table.sizes).any(axis=1)

    def label(i):
        told, size = table.sizes[i], sizes[i]
        exif = (f', EXIF orientation {files[i].orientation}'
                if turned[i] else '')
        return (f'{table.image(i)}: {size[0]:g} x {size[1]:g}, annotations '
                f'tell {told[0]:g} x {told[1]:g}{exif}')

    yield from find(
        'sizes_differ', True, 'images have another size than their '
        'annotations tell', differ, label,
        'Correct width and height if joints lie right on the image, else the '
        'joints or the image. With an EXIF orientation: rewrite the image '
        'without it, upright as the annotations.')
    yield from find(
        'exif_orientation', False, 'images are turned by EXIF', turned &
        ~differ, label, 'Were they annotated as a viewer shows them? '
        'Training turns JPEG and PNG; other formats are not turned.')
    yield from find(
        'huge_images', True, f'images have a side of more than {MAX_SIDE} '
        'pixels', known & (sizes > MAX_SIDE).any(axis=1), label,
        'Make them smaller, with their annotations.')
    yield from find(
        'tiny_images', False, f'images have a side of less than {SMALL} '
        'pixels', known & (sizes < SMALL).any(axis=1), label,
        'They are enlarged; is something to be seen in them?')
