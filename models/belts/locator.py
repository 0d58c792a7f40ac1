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
"""Of the vehicle's box, added on each side: a detector's box cuts off a little."""
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
        left, top, right, bottom = grown(xyxy)
        rows = self._network.run([shrunk(picture, (left, top, right, bottom))])
        share: Corners = rows[0].reshape(4, 2).astype(float)
        return share * [right - left, bottom - top] + [left, top]


def grown(xyxy: Xyxy, by: float = GROW) -> Xyxy:
    """A box with some of its surroundings.

    >>> grown((0.0, 0.0, 10.0, 20.0), 0.1)
    (-1.0, -2.0, 11.0, 22.0)
    """
    left, top, right, bottom = xyxy
    dx, dy = by * (right - left), by * (bottom - top)
    return left - dx, top - dy, right + dx, bottom + dy


def shrunk(picture: Image, xyxy: Xyxy, side_px: int = INPUT_PX) -> NDArray[np.uint8]:
    """A part of a picture as a square; beyond the picture it is black."""
    from PIL import Image as Pil

    left, top, right, bottom = (round(v) for v in xyxy)
    cut = Pil.fromarray(picture).crop((left, top, max(right, left + 2), max(bottom, top + 2)))
    return np.asarray(cut.resize((side_px, side_px), Pil.Resampling.BILINEAR))
