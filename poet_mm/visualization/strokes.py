"""Draw lines, keypoints and centres on pictures with cv2, to 1/16 pixel.

Coordinates are continuous pixels: the pixel of column i and row j has its
middle at (i + 0.5, j + 0.5). Colours and pictures are RGB.
"""

from typing import List, Tuple

import cv2
import numpy as np

from .style import COLORS

OUTLINE = (20, 20, 20)  # nearly black, around all colours: seen on any picture
HOLE = (255, 255, 255)
BITS = 4  # cv2 draws at 1 / 2**BITS pixel

Color = Tuple[int, int, int]


def person_colors() -> List[Color]:
    """Return the colours (RGB) of people, which are those of the figures."""
    return [tuple(bytes.fromhex(code[1:])) for code in COLORS]


def lighter(color: Color) -> Color:
    """Return a colour half-way to white."""
    return tuple((value + 255) // 2 for value in color)


def to_fixed(points: np.ndarray) -> np.ndarray:
    """Convert points (..., 2) in continuous pixels to cv2's integers.

    cv2 counts from the middle of the first pixel, we count from its corner.
    """
    return np.round((points - 0.5) * 2**BITS).astype(np.int32)


def draw_lines(
    image: np.ndarray, lines: np.ndarray, color: Color, width: float
) -> None:
    """Draw lines (M, 2, 2), in pixels, with an outline, in place."""
    fixed = list(to_fixed(lines))
    width = max(1, round(width))
    edge = max(1, round(width / 3))
    for paint, thickness in ((OUTLINE, width + 2 * edge), (color, width)):
        cv2.polylines(image, fixed, False, paint, thickness, cv2.LINE_AA, BITS)


def draw_disk(
    image: np.ndarray, point: np.ndarray, radius: float, color: Color
) -> None:
    """Draw a filled circle in place; sizes in pixels."""
    x, y = to_fixed(point).tolist()
    cv2.circle(
        image, (x, y), round(radius * 2**BITS), color, -1, cv2.LINE_AA, BITS
    )


def draw_keypoint(
    image: np.ndarray,
    point: np.ndarray,
    radius: float,
    color: Color,
    filled: bool,
) -> None:
    """Draw a keypoint in place: a disk, or a ring around a hole."""
    draw_disk(image, point, radius + max(1.0, radius / 4), OUTLINE)
    draw_disk(image, point, radius, color)
    if not filled:
        draw_disk(image, point, max(1.0, 0.55 * radius), HOLE)


def draw_center(
    image: np.ndarray, point: np.ndarray, radius: float, color: Color
) -> None:
    """Draw a centre in place: a square that stands on a corner."""
    corners = np.array([[0, -1], [1, 0], [0, 1], [-1, 0]])
    for paint, size in (
        (OUTLINE, radius + 2),
        (HOLE, radius + 1),
        (color, radius - 0.5),
    ):
        cv2.fillConvexPoly(
            image, to_fixed(point + size * corners), paint, cv2.LINE_AA, BITS
        )
