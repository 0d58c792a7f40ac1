"""One plate in one picture, looked at in several ways: readings to vote on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.plates.reading import Reading
from models.plates.recogniser import Recogniser
from models.plates.upright import upright

Image = NDArray[np.uint8]
Box = tuple[float, float, float, float]

MARGINS = ((0.04, -0.10), (0.0, -0.05), (0.04, -0.18))
"""Across and down, as shares of the plate: how much of its border a look takes in. A line without the frame
and the small print above and below it is read best; three looks forgive a box that is off by some pixels."""
SQUARE_BELOW = 2.7
"""Width to height below which a plate may have two lines: 280 x 170 mm has 1.65, US plates 2.0, one line 4.6."""
SPLIT_FROM, SPLIT_TO = 0.34, 0.62
"""Share of the height where the gap between two lines is looked for."""


def glances(picture: Image, xyxy: Box, recogniser: Recogniser, two_lines: bool = True) -> list[Reading]:
    """Readings of the plate in a box.

    Args:
        picture: ``(h, w, 3)`` uint8 BGR.
        xyxy: Round the plate's corners.
        recogniser: Reads lines.
        two_lines: Whether plates of two lines are to be expected.
    """
    plate, (wide, tall) = upright(picture, xyxy)
    readings = recogniser.read([look(plate, wide, tall, *margin) for margin in MARGINS])
    if two_lines and wide / tall < SQUARE_BELOW:
        readings += [_two_lines(plate, wide, tall, across, recogniser) for across in (0.03, -0.02)]
    return readings


def look(plate: Image, wide: float, tall: float, across: float, down: float) -> Image:
    """The middle of a straightened picture, with a margin (below 0: without the border)."""
    height, width = plate.shape[:2]
    half_w, half_h = wide * (0.5 + across), tall * (0.5 + down)
    x0, x1 = max(0, round(width / 2 - half_w)), min(width, max(1, round(width / 2 + half_w)))
    y0, y1 = max(0, round(height / 2 - half_h)), min(height, max(1, round(height / 2 + half_h)))
    return plate[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]


def _two_lines(plate: Image, wide: float, tall: float, across: float, recogniser: Recogniser) -> Reading:
    inside = look(plate, wide, tall, across, -0.02)
    return Reading.joined(recogniser.read(split(inside)))


def split(plate: Image) -> Sequence[Image]:
    """The upper and the lower line of a plate, cut where there is least between them."""
    grey = plate.astype(np.float32).mean(2)
    busy = np.abs(np.diff(grey, axis=1)).sum(1)
    height = len(busy)
    if height < 8:
        return [plate]
    smooth = np.convolve(busy, np.ones(max(1, height // 16)), "same")
    low, high = int(SPLIT_FROM * height), int(SPLIT_TO * height)
    row = low + int(smooth[low:high].argmin())
    return [plate[: row + 1], plate[row:]]
