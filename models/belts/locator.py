"""Finds the corners of the windscreen on a vehicle that comes towards the camera, with a small network."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.belts.network import Network
from models.belts.rectify import Corners, Image

PATH: Final = Path(__file__).parent.parent / "embedded" / "windscreens.onnx"
INPUT_PX: Final = 80
GROW: Final = 0.08
"""Of the vehicle's width, added on each side and below: a detector's box cuts off a little."""
REACH: Final = 1.35
"""Of the vehicle's width, looked at above its lower edge. Where the glass can be looked through, a detector's box may
end at the bonnet; its sides and its lower edge are where they should be. Vans seen from high up are so high."""
LOOKS: Final = 3
"""The first looks at the vehicle, where a detector's box may be off; each of the others around what the one before
found. On rendered cars that were not learnt from, with boxes off by some px, corners came to lie within 0.034, 0.020
and 0.018 of the width; a fourth look brought no more."""
FARTHEST: Final = (-0.5, 1.5)
"""Shares of what is looked at: a network that sees no windscreen does not lead ever farther away."""
ROOM: Final = 0.35
"""Of what was found, looked at on each side of it."""
Xyxy = tuple[float, float, float, float]


class Locator:
    """Finds windscreens.

    Args:
        path: The network: input ``(N, 3, 80, 80)`` float32 BGR 0-255, output ``(N, 8)`` corners as shares of it.
        threads: Threads of one run.

    Raises:
        WeightsError: If the network is missing or no such network.
    """

    def __init__(self, path: Path = PATH, threads: int = 1) -> None:
        self._network = Network(path, threads, INPUT_PX, 8)

    @property
    def version(self) -> str:
        """sha256 of the network."""
        return self._network.version

    def find(self, picture: Image, xyxy: Xyxy) -> Corners:
        """Corners of the windscreen in a picture, px.

        Args:
            picture: ``(h, w, 3)`` uint8 BGR.
            xyxy: The vehicle's box in it.
        """
        window, corners = looked_at(xyxy), np.zeros((4, 2))
        for _ in range(LOOKS):
            left, top, right, bottom = window
            rows = self._network.run([shrunk(picture, window)])
            share: Corners = np.clip(rows[0].reshape(4, 2).astype(float), *FARTHEST)
            corners = share * [right - left, bottom - top] + [left, top]
            window = around(corners)
        return corners


def looked_at(xyxy: Xyxy) -> Xyxy:
    """What is looked at of a picture where a vehicle has a box: its upper edge does not count.

    >>> looked_at((100.0, 150.0, 200.0, 300.0))
    (92.0, 165.0, 208.0, 308.0)
    """
    left, _, right, bottom = xyxy
    width = right - left
    return left - GROW * width, bottom - REACH * width, right + GROW * width, bottom + GROW * width


def around(corners: Corners) -> Xyxy:
    """What is looked at next of a picture where a windscreen's corners ``(4, 2)`` were found.

    >>> around(np.array([(100.0, 180.0), (200.0, 180.0), (190.0, 140.0), (110.0, 140.0)]))
    (65.0, 126.0, 235.0, 194.0)
    """
    low, high = corners.min(0), corners.max(0)
    room = ROOM * (high - low)
    left, top, right, bottom = (float(v) for v in (*(low - room), *(high + room)))
    return left, top, right, bottom


def shrunk(picture: Image, xyxy: Xyxy, side_px: int = INPUT_PX) -> NDArray[np.uint8]:
    """A part of a picture as a square; beyond the picture it is black."""
    from PIL import Image as Pil

    left, top, right, bottom = (round(v) for v in xyxy)
    cut = Pil.fromarray(picture).crop((left, top, max(right, left + 2), max(bottom, top + 2)))
    return np.asarray(cut.resize((side_px, side_px), Pil.Resampling.BILINEAR))
