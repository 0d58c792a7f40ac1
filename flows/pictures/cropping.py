"""How much round a box its picture shows."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

CROP_MARGIN: Final = 0.15
"""Of the box's width and height, on each side: a detector's box may cut off a bumper with its plate."""


def shown(box: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the pictures of boxes ``(N, 4)`` show, px.

    >>> shown(np.array([[100.0, 100.0, 200.0, 300.0]])).tolist()
    [[85.0, 70.0, 215.0, 330.0]]
    """
    return _moved(box, CROP_MARGIN)


def showing(seen: NDArray[np.float64]) -> NDArray[np.float64]:
    """The boxes ``(N, 4)`` whose pictures show just that, px.

    >>> showing(np.array([[85.0, 70.0, 215.0, 330.0]])).round(6).tolist()
    [[100.0, 100.0, 200.0, 300.0]]
    """
    return _moved(seen, -CROP_MARGIN / (1 + 2 * CROP_MARGIN))


def _moved(box: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    out = share * (box[:, 2:] - box[:, :2])
    return np.hstack([box[:, :2] - out, box[:, 2:] + out])
