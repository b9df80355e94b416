"""Frames of videos and cameras, read and written in order, each one once."""
import os
import os.path as osp
import tempfile
from contextlib import contextmanager
from functools import cache
from typing import Iterator, NamedTuple, Optional, Tuple, Union

import cv2
import numpy as np

from ..errors import UserError

DEFAULT_FPS = 25.0  # for cameras and files that do not tell
# What lists its frames; of other files the number is made from the duration.
EXACT = ('.avi', '.m4v', '.mov', '.mp4')
INEXACT_FRAMES, INEXACT_SHARE = 3, 0.02


class Codec(NamedTuple):
    """How a video is written: its four letters and the ending of the file."""
    fourcc: str
    suffix: str
    in_browsers: bool


# The best first: H.264, which some builds of OpenCV may not write; VP8, which
# is in those of PyPI; the one that all have, and that browsers do not play.
CODECS = (Codec('avc1', '.mp4', True), Codec('VP80', '.webm', True),
          Codec('mp4v', '.mp4', False))


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """OpenCV writes about tags of codecs, past Python and its own log level,
    to the terminal, also where all goes well."""
    kept = os.dup(2)
    try:
        with open(os.devnull, 'wb') as nothing:
            os.dup2(nothing.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def open_writer(path: str, codec: Codec, fps: float,
                size: Tuple[int, int]) -> cv2.VideoWriter:
    """OpenCV's writer of frames of (width, height); perhaps not opened."""
    with quiet_stderr():
        return cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*codec.fourcc),
                               fps, size)


@cache
def best_codec() -> Codec:
    """The first of :data:`CODECS` whose frames, written here, can be read."""
    with tempfile.TemporaryDirectory() as folder:
        for codec in CODECS[:-1]:
            path = osp.join(folder, f'try{codec.suffix}')
            writer = open_writer(path, codec, DEFAULT_FPS, (64, 64))
            for _ in range(3):
                writer.write(np.zeros((64, 64, 3), np.uint8))
            writer.release()
            capture = cv2.VideoCapture(path)
            num_read = sum(capture.read()[0] for _ in range(4))
            capture.release()
            if num_read == 3:
                return codec
    return CODECS[-1]


class Video:
    """Frames (h, w, 3), BGR, of a video file or a camera; to be iterated over
    once. Those of a camera go on until it is unplugged or nobody asks for
    more.

    Args:
        source (str | int): A file, or the number of a camera.

    Attributes:
        name (str): For messages.
        fps (float): Frames a second.
        num_frames (int | None): What the file says; None where it does not.
        num_read (int): Frames given so far.
    """

    def __init__(self, source: Union[str, int]) -> None:
        self.is_camera = isinstance(source, int)
        self.name = f'webcam:{source}' if self.is_camera else source
        self.capture = cv2.VideoCapture(source)
        if not self.capture.isOpened():
            raise UserError(f'{self.name}: cannot be opened as a '
                            f'{"camera" if self.is_camera else "video"}')
        fps = self.capture.get(cv2.CAP_PROP_FPS)
        self.fps = fps if 0 < fps < 1000 else DEFAULT_FPS
        count = int(self.capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self.num_frames: Optional[int] = count if count > 0 else None
        self.num_read = 0

    @property
    def stem(self) -> str:
        """The name without folder and ending, for files made from it."""
        name = osp.splitext(osp.basename(self.name))[0]
        return name.replace(':', '')

    def __iter__(self) -> Iterator[np.ndarray]:
        """Iterate over the frames; the file is closed afterwards."""
        try:
            while True:
                found, frame = self.capture.read()
                if not found:
                    break
                self.num_read += 1
                yield frame
        finally:
            self.capture.release()

    def check_end(self) -> None:
        """After the last frame: raise a UserError if there should be more.

        OpenCV ends in the same way at the end of a file and where it is cut
        off or damaged.
        """
        if not self.num_read:
            raise UserError(f'{self.name}: not one frame can be read')
        if self.is_camera or self.num_frames is None:
            return
        allowed = 0
        if not self.name.lower().endswith(EXACT):
            allowed = max(INEXACT_FRAMES, INEXACT_SHARE * self.num_frames)
        if self.num_frames - self.num_read > allowed:
            raise UserError(
                f'{self.name}: cut off or damaged; of {self.num_frames} '
                f'frames only the first {self.num_read} can be read')


class VideoWriter:
    """Write frames to a video file, which begins with the first of them.

    Args:
        stem (str): File to write, without the ending that the codec gives it.
        fps (float): Frames a second.

    Attributes:
        codec (Codec): One that browsers play, if OpenCV has one here.
        path (str): The file.
        num_written (int): Frames so far.
    """

    def __init__(self, stem: str, fps: float) -> None:
        self.codec = best_codec()
        self.path = stem + self.codec.suffix
        self.fps = fps
        self.num_written = 0
        self._writer: Optional[cv2.VideoWriter] = None

    def write(self, frame: np.ndarray) -> None:
        """Append a frame (h, w, 3), BGR, resized to that of the first one:
        cv2 leaves out frames of another size in silence."""
        if self._writer is None:
            self._size = frame.shape[1::-1]
            self._writer = open_writer(self.path, self.codec, self.fps,
                                       self._size)
            if not self._writer.isOpened():
                width, height = self._size
                raise UserError(f'{self.path}: cannot be written as a video '
                                f'of {width} x {height} pixels')
        if frame.shape[1::-1] != self._size:
            frame = cv2.resize(frame, self._size)
        self._writer.write(frame)
        self.num_written += 1

    def release(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.release()
