"""Frames of videos and cameras, read and written in order, each one once."""
import os.path as osp
from typing import Iterator, Optional, Union

import cv2
import numpy as np

from .launch import UserError

DEFAULT_FPS = 25.0  # for cameras and files that do not tell


class Video:
    """Frames (h, w, 3), BGR, of a video file or a camera; to be iterated over
    once.

    Args:
        source (str | int): A file, or the number of a camera.

    Attributes:
        name (str): For messages.
        fps (float): Frames a second.
        num_frames (int | None): What the file says; None where it does not.
        num_read (int): Frames given so far.
    """

    def __init__(self, source: Union[str, int]) -> None:
        camera = isinstance(source, int)
        self.name = f'webcam:{source}' if camera else source
        self.capture = cv2.VideoCapture(source)
        if not self.capture.isOpened():
            raise UserError(f'{self.name}: cannot be opened as a '
                            f'{"camera" if camera else "video"}')
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


class VideoWriter:
    """Write frames to an MP4 file, which begins with the first of them.

    Args:
        path (str): File to write, ``.mp4``.
        fps (float): Frames a second.
    """

    def __init__(self, path: str, fps: float) -> None:
        self.path = path
        self.fps = fps
        self.num_written = 0
        self._writer: Optional[cv2.VideoWriter] = None

    def write(self, frame: np.ndarray) -> None:
        """Append a frame (h, w, 3), BGR, resized to that of the first one:
        cv2 leaves out frames of another size in silence."""
        if self._writer is None:
            self._size = frame.shape[1::-1]
            # The one codec for MP4 that is in every build of OpenCV.
            codec = cv2.VideoWriter_fourcc(*'mp4v')
            self._writer = cv2.VideoWriter(self.path, codec, self.fps,
                                           self._size)
            if not self._writer.isOpened():
                raise UserError(f'{self.path}: cannot be written as a video')
        if frame.shape[1::-1] != self._size:
            frame = cv2.resize(frame, self._size)
        self._writer.write(frame)
        self.num_written += 1

    def release(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.release()
