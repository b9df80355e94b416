"""Write an HTML page that shows drawn pictures, one at a time.

The page contains thumbnails and links to pictures and videos beside it: with
hundreds of pictures inside, a browser would read hundreds of megabytes before
it shows the first. The page needs no network, and its folder may be moved.
"""

import base64
import os.path as osp
from typing import List, NamedTuple, Sequence
from urllib.parse import quote

import cv2
import numpy as np
from jinja2 import Environment, FileSystemLoader

from ..errors import UserError
from ..utils.files import write_whole
from .style import COLORS

THUMBNAIL = 160  # longest side in pixels


class Entry(NamedTuple):
    """Hold one picture of the gallery.

    Attributes:
        name (str): Caption.
        picture (str): File, relative to the page.
        thumbnail (str): From :func:`make_thumbnail`.
        scores (sequence[float]): Score of each person. People have the
            colours of the figures, in this order.
        video (str): File of the picture's video, relative to the page; '' if
            there is no video.
        note (str): Text after the number of people.
    """

    name: str
    picture: str
    thumbnail: str
    scores: Sequence[float]
    video: str = ''
    note: str = ''


def encode_jpeg(image: np.ndarray, quality: int) -> bytes:
    """Return the JPEG file of a picture (h, w, 3), BGR.

    Raises:
        UserError: A JPEG cannot have this size.
    """
    encoded, code = cv2.imencode(
        '.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    if not encoded:
        height, width = image.shape[:2]
        raise UserError(
            f'{width} x {height} pixels cannot be written as a JPEG, which '
            'has at most 65500 pixels on a side'
        )
    return code.tobytes()


def make_thumbnail(image: np.ndarray) -> str:
    """Return a small copy of a picture (h, w, 3), BGR, as a ``data:`` URL."""
    height, width = image.shape[:2]
    scale = min(1.0, THUMBNAIL / max(height, width))
    size = max(1, round(scale * width)), max(1, round(scale * height))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    code = base64.b64encode(encode_jpeg(small, 75)).decode()
    return f'data:image/jpeg;base64,{code}'


def write_gallery(
    path: str, entries: List[Entry], title: str, failures: Sequence[str] = ()
) -> None:
    """Write the page.

    Args:
        path (str): File to write, ``.html``.
        entries (list[Entry]): Pictures.
        title (str): Heading.
        failures (sequence[str]): Error of each input that is not shown.
    """
    rows = []
    for entry in entries:
        scores = [round(float(score), 3) for score in entry.scores]
        files = dict(picture=quote(entry.picture), video=quote(entry.video))
        rows.append(dict(entry._asdict(), scores=scores, **files))
    data = dict(entries=rows, failures=list(failures), colors=COLORS)
    pages = Environment(
        loader=FileSystemLoader(osp.dirname(__file__)), autoescape=True
    )
    page = pages.get_template('gallery.html').render(title=title, data=data)
    write_whole(page.encode(), path)
