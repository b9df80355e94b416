"""Lines, joints and centres on pictures, by cv2, to 1/16 pixel.

Coordinates are continuous pixels: the pixel of column i and row j has its
middle at (i + 0.5, j + 0.5). Colours are those of the picture, RGB here.
"""

from typing import List, Tuple

import cv2
import numpy as np

from .style import COLORS

OUTLINE = (20, 20, 20)  # nearly black around all colours: clear on any picture
HOLE = (255, 255, 255)
BITS = 4  # cv2 draws at 1 / 2**BITS pixel

Color = Tuple[int, int, int]


def person_colors() -> List[Color]:
    """Colours (RGB) of people, one after another; the figures' colours."""
    return [
        tuple(int(code[i : i + 2], 16) for i in (1, 3, 5)) for code in COLORS
    ]


def lighter(color: Color) -> Color:
    """Half-way to white."""
    return tuple((value + 255) // 2 for value in color)


def to_fixed(points: np.ndarray) -> np.ndarray:
    """Points (..., 2) in continuous pixels -> cv2's whole numbers.

    cv2 counts from the middle of the first pixel, we from its corner.
    """
    return np.round((points - 0.5) * 2**BITS).astype(np.int32)


def draw_lines(
    image: np.ndarray, lines: np.ndarray, color: Color, width: float
) -> None:
    """Draw lines (M, 2, 2) in pixels with an outline, in place."""
    fixed = list(to_fixed(lines))
    width = max(1, round(width))
    edge = max(1, round(width / 3))
    for paint, thickness in ((OUTLINE, width + 2 * edge), (color, width)):
        cv2.polylines(image, fixed, False, paint, thickness, cv2.LINE_AA, BITS)


def draw_disk(
    image: np.ndarray, point: np.ndarray, radius: float, color: Color
) -> None:
    """Draw a filled circle, in place; all in pixels."""
    x, y = to_fixed(point).tolist()
    cv2.circle(
        image, (x, y), round(radius * 2**BITS), color, -1, cv2.LINE_AA, BITS
    )


def draw_joint(
    image: np.ndarray,
    point: np.ndarray,
    radius: float,
    color: Color,
    filled: bool,
) -> None:
    """Draw a joint: a disk, or a ring around :data:`HOLE`, in place."""
    draw_disk(image, point, radius + max(1.0, radius / 4), OUTLINE)
    draw_disk(image, point, radius, color)
    if not filled:
        draw_disk(image, point, max(1.0, 0.55 * radius), HOLE)


def draw_center(
    image: np.ndarray, point: np.ndarray, radius: float, color: Color
) -> None:
    """Draw a centre, a square on its tip, in place."""
    corners = np.array([[0, -1], [1, 0], [0, 1], [-1, 0]])
    for paint, size in (
        (OUTLINE, radius + 2),
        (HOLE, radius + 1),
        (color, radius - 0.5),
    ):
        cv2.fillConvexPoly(
            image, to_fixed(point + size * corners), paint, cv2.LINE_AA, BITS
        )
