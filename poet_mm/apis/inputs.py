"""Find images in arrays, files, folders, globs, videos and cameras.

Each image becomes a ``data_info`` of MMPose: the dict that a pipeline's
``LoadImage`` takes.
"""

import glob
import os
import os.path as osp
import re
from itertools import count
from typing import Iterable, Iterator, List, Optional, Sequence, Union

import cv2
import numpy as np

from ..errors import UserError
from .video import Video

IMAGE_NAME = re.compile(
    r'.*\.(bmp|jpeg|jpg|jp2|pgm|png|ppm|tif|tiff|webp)', re.IGNORECASE
)
VIDEO_NAME = re.compile(
    r'.*\.(avi|gif|m4v|mkv|mov|mp4|mpeg|mpg|ts|webm|wmv)', re.IGNORECASE
)

ImageLike = Union[np.ndarray, str, os.PathLike]
Source = Union[str, int]  # a file, or the number of a camera


def is_video(source: Source) -> bool:
    """Return whether a source is a video, by its name, or a camera."""
    if isinstance(source, int):
        return True
    return VIDEO_NAME.fullmatch(osp.basename(source)) is not None


def find_sources(path: Union[str, os.PathLike]) -> List[Source]:
    """Return the files behind a path, sorted by name, or a camera.

    Args:
        path (str | PathLike): A file; a folder, for the images and videos in
            it; a glob, which may have ``**``, for all files that match; or
            'webcam' or 'webcam:N'.

    Returns:
        list[str | int]: At least one file, or one number of a camera.

    Raises:
        UserError: There are no files, or the folder cannot be read.
    """
    path = os.fspath(path)
    camera = re.fullmatch(r'webcam(?::(\d+))?', path)
    if osp.isdir(path):
        try:
            names = sorted(os.listdir(path))
        except OSError as error:
            raise UserError(
                f'{path}: cannot be read ({error.strerror})'
            ) from error
        files = [
            osp.join(path, name)
            for name in names
            if name[0] != '.'
            and (IMAGE_NAME.fullmatch(name) or is_video(name))
        ]
        problem = 'no images or videos in this folder'
    elif camera and not osp.exists(path):
        return [int(camera[1] or 0)]
    elif osp.exists(path) or not glob.has_magic(path):
        files = [path] if osp.isfile(path) else []
        problem = 'no such file or folder'
    else:
        found = sorted(glob.glob(path, recursive=True))
        files = [name for name in found if osp.isfile(name)]
        problem = 'no file matches'
    if not files:
        raise UserError(f'{path}: {problem}')
    return files


def as_bgr(image: np.ndarray, name: str) -> np.ndarray:
    """Convert an array to the image that ``cv2.imread`` would return.

    Args:
        image (np.ndarray): (h, w), (h, w, 1), (h, w, 3) in BGR or (h, w, 4)
            in BGRA, uint8 or uint16.
        name (str): Name of the image in messages.

    Returns:
        np.ndarray: (h, w, 3), uint8, BGR.

    Raises:
        UserError: The array has another shape or type.
    """
    shape = image.shape
    if (
        shape[2:] not in ((), (1,), (3,), (4,))
        or image.ndim < 2
        or not image.size
        or image.dtype not in (np.uint8, np.uint16)
    ):
        raise UserError(
            f'{name}: array of {image.dtype} and shape {shape} is not an '
            'image; expected uint8 or uint16, (h, w), or (h, w, channels) '
            'with 1, 3 (BGR) or 4 (BGRA) channels'
        )
    if image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    if shape[2:] in ((), (1,)):
        return cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    return np.ascontiguousarray(image[..., :3])


def image_ids(images: Sequence[ImageLike]) -> List[int]:
    """Return a unique id for each image.

    A file named by a number keeps that number, as in COCO. Others get the
    numbers above the largest one, or from 0 if there is none.
    """
    ids: List[Optional[int]] = []
    for image in images:
        name = '' if isinstance(image, np.ndarray) else osp.basename(image)
        number = re.fullmatch('[0-9]+', osp.splitext(name)[0])
        ids.append(int(number[0]) if number else None)
    free = count(max((n for n in ids if n is not None), default=-1) + 1)
    taken = {None}
    for index, number in enumerate(ids):
        ids[index] = next(free) if number in taken else number
        taken.add(number)
    return ids


def open_inputs(inputs) -> Iterable[ImageLike]:
    """Return an iterable of images.

    Args:
        inputs (array | str | PathLike | Video | Iterable): An image, as an
            array or a file; a folder or glob of images; a video; 'webcam' or
            'webcam:N'; or a list or generator of arrays and image files.

    Returns:
        Iterable: A :class:`Video`, or a list or generator of images.

    Raises:
        UserError: There are no such files, or more than one video, or the
            input has another type.
    """
    if isinstance(inputs, np.ndarray):
        return [inputs]
    if not isinstance(inputs, (str, os.PathLike)):
        if isinstance(inputs, Iterable):
            return inputs
        raise UserError(
            f'{type(inputs).__name__}: not an input; expected an array, a '
            'path, a Video, or a list or generator of arrays and paths'
        )
    sources = find_sources(inputs)
    if len(sources) == 1 and is_video(sources[0]):
        return Video(sources[0])
    if all(map(is_video, sources)):
        raise UserError(
            f'{inputs}: {len(sources)} videos and no image; give videos one '
            'by one'
        )
    return sources  # the inferencer reports videos among images


def data_infos(images: Iterable[ImageLike]) -> Iterator[dict]:
    """Yield the ``data_info`` of each image.

    Images of a list have COCO's ids, others are counted from 0.
    """
    ids = image_ids(images) if isinstance(images, Sequence) else count()
    for index, (image, img_id) in enumerate(zip(images, ids)):
        if isinstance(image, np.ndarray):
            yield dict(img=image, img_path=f'{index:06d}.jpg', img_id=img_id)
        else:
            yield dict(img_path=os.fspath(image), img_id=img_id)
