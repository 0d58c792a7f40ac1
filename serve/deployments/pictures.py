"""Refuses what are no pictures, before an engine chokes on them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def check_pictures(name: str, pictures: Sequence[NDArray[np.uint8]]) -> None:
    """Refuses what are no ``(h, w, 3)`` uint8 pictures.

    Args:
        name: Of the field.
        pictures: To be checked.

    Raises:
        ValueError: With the shape and type that came.
    """
    for picture in pictures:
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
            raise ValueError(f"{name}: expected (h, w, 3) uint8 each, got {picture.shape} {picture.dtype}")
