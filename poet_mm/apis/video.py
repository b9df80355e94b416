"""Frames of videos and cameras, read and written in order, each one once.

Files are read and written with PyAV, which brings its own FFmpeg, so that
every machine reads and writes the same formats. OpenCV reads cameras.
"""

import os.path as osp
from contextlib import suppress
from fractions import Fraction
from typing import TYPE_CHECKING, Iterator, Optional, Union

import cv2
import numpy as np

from ..errors import UserError

if TYPE_CHECKING:
    import av

DEFAULT_FPS = 25.0  # for cameras and files that do not tell
# Some containers tell a duration and no number of frames.
INEXACT_FRAMES, INEXACT_SHARE = 3, 0.02


def import_av(name: str):
    """Return the module of PyAV, or say how to install it."""
    try:
        import av
    except ImportError as error:
        raise UserError(
            f'{name}: videos need PyAV, which cannot be imported here '
            f'({error}): pip install av'
        ) from error
    return av


class Video:
    """Iterate once over the frames (h, w, 3), BGR, of a video or a camera.

    Those of a camera go on until it is unplugged or the user stops.

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
        self.num_frames: Optional[int] = None
        self.num_read = 0
        if self.is_camera:
            self._file = cv2.VideoCapture(source)
            if not self._file.isOpened():
                raise UserError(f'{self.name}: cannot be opened as a camera')
            fps = self._file.get(cv2.CAP_PROP_FPS)
        else:
            fps = self._open(source)
        self.fps = fps if 0 < fps < 1000 else DEFAULT_FPS
        if self.num_frames is None and not self.is_camera:
            duration = self._file.duration or 0  # in microseconds
            self.num_frames = round(duration * self.fps / 1e6) or None

    def _open(self, path: str) -> float:
        """Open a file; return its frames a second, 0 if it does not tell."""
        av = import_av(path)
        try:
            # text in unusual encodings must not hide the frames
            self._file = av.open(path, metadata_errors='replace')
            self._stream = self._file.streams.video[0]
        except (av.FFmpegError, OSError, IndexError) as error:
            raise UserError(f'{path}: cannot be opened as a video') from error
        self.is_exact = self._stream.frames > 0
        self.num_frames = self._stream.frames or None
        rate = self._stream.average_rate or self._stream.guessed_rate
        return float(rate or 0)

    @property
    def stem(self) -> str:
        """The name without folder and ending, for files made from it."""
        name = osp.splitext(osp.basename(self.name))[0]
        return name.replace(':', '')

    def __iter__(self) -> Iterator[np.ndarray]:
        """Iterate over the frames; the file is closed afterwards."""
        try:
            frames = self._film() if self.is_camera else self._decode()
            for frame in frames:
                self.num_read += 1
                yield frame
        finally:
            (self._file.release if self.is_camera else self._file.close)()

    def _film(self) -> Iterator[np.ndarray]:
        """Yield the frames of a camera."""
        while True:
            found, frame = self._file.read()
            if not found:
                return
            yield frame

    def _decode(self) -> Iterator[np.ndarray]:
        """Yield the frames of a file, upright, up to the first damage."""
        from av import FFmpegError

        with suppress(FFmpegError):  # check_end() tells
            for frame in self._file.decode(self._stream):
                # films of phones lie on their side, with a note
                image = np.rot90(
                    frame.to_ndarray(format='bgr24'),
                    round(frame.rotation / 90),
                )
                yield np.ascontiguousarray(image)

    def check_end(self) -> None:
        """Raise a UserError if there should be more after the last frame.

        A file that is cut off or damaged ends as a whole one does.
        """
        if not self.num_read:
            raise UserError(f'{self.name}: not one frame can be read')
        if self.num_frames is None:
            return
        allowed = (
            0
            if self.is_exact
            else max(INEXACT_FRAMES, INEXACT_SHARE * self.num_frames)
        )
        if self.num_frames - self.num_read > allowed:
            raise UserError(
                f'{self.name}: cut off or damaged; of {self.num_frames} '
                f'frames only the first {self.num_read} can be read'
            )


class VideoWriter:
    """Write frames to an H.264 video, which begins with the first of them.

    Args:
        path (str): File to write, ``.mp4``.
        fps (float): Frames a second.

    Attributes:
        num_written (int): Frames so far.
    """

    def __init__(self, path: str, fps: float) -> None:
        self.av = import_av(path)
        self.path = path
        self.fps = fps
        self.num_written = 0
        self._file: Optional[av.container.OutputContainer] = None

    def _open(self, width: int, height: int) -> None:
        """Begin the file, for frames of an even size."""
        self._file = self.av.open(self.path, 'w')
        rate = Fraction(self.fps).limit_denominator(65535)
        self._stream = self._file.add_stream('libx264', rate=rate)
        self._stream.width, self._stream.height = width, height
        self._stream.pix_fmt = 'yuv420p'  # what browsers play

    def write(self, frame: np.ndarray) -> None:
        """Append a frame (h, w, 3), BGR, resized to the first one's size.

        H.264 has even sizes only: an odd one gets its last row or column
        twice.
        """
        if self._file is None:
            self._size = frame.shape[1::-1]
        if frame.shape[1::-1] != self._size:
            frame = cv2.resize(frame, self._size)
        height, width = frame.shape[:2]
        frame = cv2.copyMakeBorder(
            frame, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE
        )
        try:
            if self._file is None:
                self._open(*frame.shape[1::-1])
            self._encode(self.av.VideoFrame.from_ndarray(frame, 'bgr24'))
        except OSError:  # of the disk, not of the frame
            raise
        except (self.av.FFmpegError, ArithmeticError, ValueError) as error:
            if not self.num_written:
                self._file = None  # there is nothing to finish
            raise UserError(
                f'{self.path}: cannot be written as a video of '
                f'{width} x {height} pixels'
            ) from error
        self.num_written += 1

    def _encode(self, frame: Optional['av.VideoFrame']) -> None:
        self._file.mux(self._stream.encode(frame))

    def release(self) -> None:
        """Finish the file."""
        if self._file is not None:
            self._encode(None)
            self._file.close()
