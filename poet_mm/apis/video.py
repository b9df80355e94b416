"""Read and write videos, and read cameras, frame by frame.

PyAV reads and writes files. It contains FFmpeg, so that every machine knows
the same formats. OpenCV reads cameras.
"""

import os
import os.path as osp
from contextlib import suppress
from fractions import Fraction
from numbers import Real
from typing import Iterator, Optional, Union

import cv2
import numpy as np

from ..errors import UserError

DEFAULT_FPS = 25.0  # for cameras and files that declare no frame rate


def import_av(name: str):
    """Return the module of PyAV; ``name`` begins the message of an error."""
    try:
        import av
    except ImportError as error:
        raise UserError(
            f'{name}: videos need PyAV, which cannot be imported ({error}). '
            'Run: pip install av'
        ) from error
    return av


class Video:
    """Iterate once over the frames of a video file or a camera.

    Frames are (h, w, 3), uint8, BGR, upright. The iteration ends after the
    last frame, at the first damaged frame, or when the camera is unplugged.

    Args:
        source (str | int): A file, or the number of a camera.

    Attributes:
        name (str): Name of the source in messages.
        fps (float): Frames per second.
        num_frames (int | None): Number of frames that the file declares, else
            estimated from its duration; None if unknown.
        max_missing (float): Number of frames that may be missing at the end,
            more than 0 if ``num_frames`` is an estimate.
        num_read (int): Number of frames read so far.

    Raises:
        UserError: The source cannot be opened.
    """

    def __init__(self, source: Union[str, int]) -> None:
        self.num_frames = None
        self.num_read = 0
        self.max_missing = 0.0
        if isinstance(source, int):
            self.name = f'webcam:{source}'
            self._open_camera(source)
        else:
            self.name = source
            self._open_file(source)

    def _open_camera(self, number: int) -> None:
        camera = cv2.VideoCapture(number)
        if not camera.isOpened():
            raise UserError(f'{self.name}: cannot be opened as a camera')
        self._frames, self._close = _read_camera(camera), camera.release
        self.fps = _valid_fps(camera.get(cv2.CAP_PROP_FPS))

    def _open_file(self, path: str) -> None:
        av = import_av(path)
        try:
            # metadata in an unusual encoding must not make a file unreadable;
            # for PyAV 19 and newer it does not, and they lack the argument
            old = int(av.__version__.split('.')[0]) < 19
            options = {'metadata_errors': 'replace'} if old else {}
            file = av.open(path, **options)
            stream = file.streams.video[0]
        except (av.FFmpegError, OSError, IndexError) as error:
            raise UserError(f'{path}: cannot be opened as a video') from error
        self._frames, self._close = _read_file(file, stream), file.close
        self.fps = _valid_fps(stream.average_rate or stream.guessed_rate)
        self.num_frames = stream.frames or None
        if not stream.frames and file.duration:  # in microseconds
            self.num_frames = round(file.duration * self.fps / 1e6) or None
            self.max_missing = max(3, 0.02 * (self.num_frames or 0))

    @property
    def stem(self) -> str:
        """Return the name without folder and suffix."""
        name = osp.splitext(osp.basename(self.name))[0]
        return name.replace(':', '')

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield the frames, then close the source."""
        try:
            for frame in self._frames:
                self.num_read += 1
                yield frame
        finally:
            self._close()

    def check_end(self) -> None:
        """Check, after the last frame, that the file has no more frames.

        FFmpeg does not report that a file is cut off.

        Raises:
            UserError: The file is cut off or damaged.
        """
        if not self.num_read:
            raise UserError(f'{self.name}: not one frame can be read')
        if (self.num_frames or 0) - self.num_read > self.max_missing:
            raise UserError(
                f'{self.name}: cut off or damaged; of {self.num_frames} '
                f'frames only the first {self.num_read} can be read'
            )


def _valid_fps(fps: Optional[Real]) -> float:
    """Return a frame rate, the default one if it is not plausible."""
    return float(fps) if fps and 0 < fps < 1000 else DEFAULT_FPS


def _read_camera(camera: cv2.VideoCapture) -> Iterator[np.ndarray]:
    """Yield the frames of a camera."""
    found, frame = camera.read()
    while found:
        yield frame
        found, frame = camera.read()


def _read_file(file, stream) -> Iterator[np.ndarray]:
    """Yield the frames of a file of PyAV up to the first damaged one."""
    from av import FFmpegError

    with suppress(FFmpegError):  # Video.check_end() reports the damage
        for frame in file.decode(stream):
            # Phones store unrotated frames and a rotation angle (degrees,
            # counter-clockwise).
            turns = round(frame.rotation / 90)
            image = np.rot90(frame.to_ndarray(format='bgr24'), turns)
            yield np.ascontiguousarray(image)


class VideoWriter:
    """Write an H.264 video; the first frame sets its size.

    Args:
        path (str): File to write, ``.mp4``. Missing folders are created.
        fps (float): Frames per second.

    Attributes:
        num_written (int): Number of frames written so far.
    """

    def __init__(self, path: str, fps: float) -> None:
        self.av = import_av(path)
        self.path = path
        self.fps = fps
        self.num_written = 0
        self._file = self._stream = None  # opened with the first frame

    def write(self, frame: np.ndarray) -> None:
        """Append a frame (h, w, 3), BGR; PyAV resizes it where needed.

        H.264 has even sizes only: an odd frame repeats its last row or column.

        Raises:
            UserError: H.264 has no such size.
        """
        height, width = frame.shape[:2]
        frame = cv2.copyMakeBorder(
            frame, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE
        )
        try:
            if self._file is None:
                self._open(*frame.shape[1::-1])
            image = self.av.VideoFrame.from_ndarray(frame, 'bgr24')
            self._file.mux(self._stream.encode(image))
        except OSError:  # a fault of the disk, not of the frame
            raise
        except (self.av.FFmpegError, ArithmeticError, ValueError) as error:
            if not self.num_written:
                self._file = None  # there is nothing to finish
            raise UserError(
                f'{self.path}: cannot be written as a video of '
                f'{width} x {height} pixels'
            ) from error
        self.num_written += 1

    def _open(self, width: int, height: int) -> None:
        """Open the file for frames of an even size."""
        os.makedirs(osp.dirname(osp.abspath(self.path)), exist_ok=True)
        self._file = self.av.open(self.path, 'w')
        rate = Fraction(self.fps).limit_denominator(65535)
        self._stream = self._file.add_stream('libx264', rate=rate)
        self._stream.width, self._stream.height = width, height
        self._stream.pix_fmt = 'yuv420p'  # the format that browsers play

    def release(self) -> None:
        """Finish the file."""
        if self._file is not None:
            self._file.mux(self._stream.encode(None))
            self._file.close()
