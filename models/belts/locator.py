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
        left, top, right, bottom = looked_at(xyxy)
        rows = self._network.run([shrunk(picture, (left, top, right, bottom))])
        share: Corners = rows[0].reshape(4, 2).astype(float)
        return share * [right - left, bottom - top] + [left, top]


def looked_at(xyxy: Xyxy) -> Xyxy:
    """What is looked at of a picture where a vehicle has a box: its upper edge does not count.

    >>> looked_at((100.0, 150.0, 200.0, 300.0))
    (92.0, 165.0, 208.0, 308.0)
    """
    left, _, right, bottom = xyxy
    width = right - left
    return left - GROW * width, bottom - REACH * width, right + GROW * width, bottom + GROW * width


def shrunk(picture: Image, xyxy: Xyxy, side_px: int = INPUT_PX) -> NDArray[np.uint8]:
    """A part of a picture as a square; beyond the picture it is black."""
    from PIL import Image as Pil

    left, top, right, bottom = (round(v) for v in xyxy)
    cut = Pil.fromarray(picture).crop((left, top, max(right, left + 2), max(bottom, top + 2)))
    return np.asarray(cut.resize((side_px, side_px), Pil.Resampling.BILINEAR))
