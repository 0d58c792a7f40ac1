"""A windscreen seen from any side, set upright: what was its quadrangle becomes a rectangle."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Corners = NDArray[np.float64]
"""``(4, 2)`` px: lower left, lower right, upper right, upper left as they are seen."""
Window = tuple[float, float, float, float]
"""Left, top, right, bottom in shares of the windscreen; beyond 0 and 1 are its surroundings."""

SEAT_PX: Final = 96
"""Side of the picture of one seat: a belt is some six pixels wide on it."""
LEFT_SEAT: Final[Window] = (-0.03, -0.06, 0.53, 1.02)
RIGHT_SEAT: Final[Window] = (0.47, -0.06, 1.03, 1.02)
"""Where the people on either side are seen."""


def seats(picture: Image, corners: Corners) -> tuple[Image, Image]:
    """Both front seats ``(96, 96, 3)``, the left one as in a mirror: each has its door on the right.

    Args:
        picture: ``(h, w, 3)`` uint8.
        corners: Of the windscreen in it.
    """
    size = (SEAT_PX, SEAT_PX)
    left, right = (upright(picture, corners, size, window) for window in (LEFT_SEAT, RIGHT_SEAT))
    return np.ascontiguousarray(left[:, ::-1]), right


def upright(picture: Image, corners: Corners, size_px: tuple[int, int], window: Window) -> Image:
    """A part of a windscreen (or more than it) as if one looked at it straight.

    Args:
        picture: ``(h, w, 3)`` uint8.
        corners: Of the windscreen in it.
        size_px: Width and height of the result.
        window: What the result shows.
    """
    from PIL import Image as Pil

    coefficients = _homography(size_px, np.asarray(corners, float), window)
    turned = Pil.fromarray(picture).transform(
        size_px, Pil.Transform.PERSPECTIVE, coefficients, Pil.Resampling.BILINEAR
    )
    return np.asarray(turned)


def _homography(size_px: tuple[int, int], corners: Corners, window: Window) -> tuple[float, ...]:
    """The eight numbers that lead from a pixel of the result to one of the picture."""
    x0, y0, x1, y1 = window
    (width, height), rows, wanted = size_px, [], []
    for (across, down), (u, v) in zip(((0, 1), (1, 1), (1, 0), (0, 0)), corners, strict=True):
        x, y = (across - x0) / (x1 - x0) * width, (down - y0) / (y1 - y0) * height
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        wanted += [u, v]
    solved = np.linalg.lstsq(np.array(rows), np.array(wanted), rcond=None)[0]
    return tuple(float(v) for v in solved)
