"""Find images in arrays, files, folders, globs, videos and cameras.

All become MMPose's ``data_info`` of one image after another, the dict that a
pipeline's ``LoadImage`` takes.
"""

import glob
import os
import os.path as osp
import re
from itertools import count
from typing import Iterable, Iterator, List, Optional, Sequence, Tuple, Union

import cv2
import numpy as np

from ..errors import UserError
from .video import Video

IMAGE_SUFFIXES = (
    '.bmp',
    '.jpeg',
    '.jpg',
    '.jp2',
    '.pgm',
    '.png',
    '.ppm',
    '.tif',
    '.tiff',
    '.webp',
)
VIDEO_SUFFIXES = (
    '.avi',
    '.gif',
    '.m4v',
    '.mkv',
    '.mov',
    '.mp4',
    '.mpeg',
    '.mpg',
    '.ts',
    '.webm',
    '.wmv',
)
CAMERA = re.compile(r'webcam(?::(\d+))?$')

ImageLike = Union[np.ndarray, str, os.PathLike]


def is_video(path: str) -> bool:
    """Return whether a file is a video, by its name."""
    return path.lower().endswith(VIDEO_SUFFIXES)


def camera_number(source: str) -> Optional[int]:
    """Return the number that 'webcam' or 'webcam:1' names, or None."""
    match = CAMERA.match(source)
    return int(match[1] or 0) if match else None


def find_files(path: Union[str, os.PathLike]) -> List[str]:
    """Return the files behind a path, in the order of their names.

    Args:
        path (str | PathLike): A file, as it is; a folder, for the images and
            videos in it; or a glob, ``**`` included, for all files it fits.

    Returns:
        list[str]: At least one.

    Raises:
        UserError: There are none, or the folder may not be read.
    """
    path = os.fspath(path)
    if osp.isdir(path):
        try:
            names = sorted(os.listdir(path))
        except OSError as error:
            raise UserError(
                f'{path}: cannot be read ({error.strerror})'
            ) from error
        suffixes = IMAGE_SUFFIXES + VIDEO_SUFFIXES
        files = [
            osp.join(path, name)
            for name in names
            if name.lower().endswith(suffixes) and name[0] != '.'
        ]
        nothing = 'no images or videos in this folder'
    elif osp.exists(path) or not glob.has_magic(path):
        files = [path] if osp.isfile(path) else []
        nothing = 'no such file or folder'
    else:
        found = sorted(glob.glob(path, recursive=True))
        files = [name for name in found if osp.isfile(name)]
        nothing = 'no file fits'
    if not files:
        raise UserError(f'{path}: {nothing}')
    return files


def as_bgr(image: np.ndarray) -> np.ndarray:
    """Return what ``cv2.imread`` gives for the pixels of an array.

    Args:
        image (np.ndarray): (h, w), (h, w, 1), (h, w, 3) in BGR or (h, w, 4)
            in BGRA, uint8 or uint16.

    Returns:
        np.ndarray: (h, w, 3), uint8.
    """
    shape = image.shape
    channels = shape[2] if image.ndim == 3 else 1
    if (
        image.ndim not in (2, 3)
        or channels not in (1, 3, 4)
        or 0 in shape
        or image.dtype not in (np.uint8, np.uint16)
    ):
        raise UserError(
            f'array: {image.dtype} of shape {shape} is not an image; expected '
            'uint8 or uint16, (h, w), or (h, w, channels) with 1, 3 (BGR) or '
            '4 (BGRA) channels'
        )
    if image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    if channels == 1:
        return cv2.cvtColor(image.reshape(shape[:2]), cv2.COLOR_GRAY2BGR)
    return np.ascontiguousarray(image[..., :3])


def image_ids(images: Sequence[ImageLike]) -> List[int]:
    """Return COCO's ids of images, all different.

    A file has the number that it is named with. Arrays, other names and
    numbers that come twice get the numbers after all of those, from 0 if
    there are none.
    """
    ids, taken = [], set()
    for image in images:
        name = (
            ''
            if isinstance(image, np.ndarray)
            else osp.splitext(osp.basename(image))[0]
        )
        number = int(name) if re.fullmatch('[0-9]+', name) else None
        ids.append(None if number in taken else number)
        taken.add(number)
    free = count(max(taken - {None}, default=-1) + 1)
    return [next(free) if number is None else number for number in ids]


def data_info(image: ImageLike, index: int, img_id: int) -> dict:
    """Return one image as a pipeline takes it; an array is named by its place."""
    if isinstance(image, np.ndarray):
        return dict(img=image, img_path=f'{index:06d}.jpg', img_id=img_id)
    return dict(img_path=os.fspath(image), img_id=img_id)


def open_inputs(inputs) -> Tuple[Iterable[ImageLike], Optional[int]]:
    """Return an iterable of images, and their number, None if unknown.

    Args:
        inputs (array | str | PathLike | Video | Iterable): An image, as an
            array or a file; a folder or glob of images; a video; 'webcam' or
            'webcam:N'; or a list or generator of arrays and image files.

    Returns:
        tuple[Iterable, int | None]: A :class:`Video`, a list or whatever came.
    """
    if isinstance(inputs, (str, os.PathLike)):
        inputs = _open_path(os.fspath(inputs))
    if isinstance(inputs, Video):
        return inputs, inputs.num_frames
    if isinstance(inputs, np.ndarray):
        return [inputs], 1
    if isinstance(inputs, Sequence):
        return inputs, len(inputs)
    if not isinstance(inputs, Iterable):
        raise UserError(
            f'{type(inputs).__name__}: not an input; expected an array, a '
            'path, a Video, or a list or generator of arrays and paths'
        )
    return inputs, None


def _open_path(path: str) -> Union[Video, List[str]]:
    """Return a camera, a video, or the images behind a path."""
    camera = camera_number(path)
    if camera is not None and not osp.exists(path):
        return Video(camera)
    files = find_files(path)
    if len(files) == 1 and is_video(files[0]):
        return Video(files[0])
    if all(map(is_video, files)):
        raise UserError(
            f'{path}: {len(files)} videos and no image; give videos one by one'
        )
    return files  # a video among them is reported when its turn comes


def data_infos(images: Iterable[ImageLike]) -> Iterator[dict]:
    """Yield the :func:`data_info` of images, of a list with COCO's ids."""
    if isinstance(images, Sequence):
        ids = image_ids(images)
        for index, (image, img_id) in enumerate(zip(images, ids)):
            yield data_info(image, index, img_id)
    else:
        for index, image in enumerate(images):
            yield data_info(image, index, index)
