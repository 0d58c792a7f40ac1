"""What every detector can do, whatever engine runs it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from flows.domain.detections import Detections
from flows.domain.inference import DetectorSpec

Image = NDArray[np.uint8]

MIN_SCORE = 0.1
"""Boxes below it are not reported. Low on purpose: a tracker joins weak boxes to tracks it already has
(ByteTrack, https://arxiv.org/abs/2110.06864) and opens new tracks only with strong ones."""


class Detector(Protocol):
    """Finds objects in pictures. One caller at a time: engines reuse their input buffers."""

    @property
    def spec(self) -> DetectorSpec:
        """Name, input size, classes and version."""
        ...

    @property
    def min_score(self) -> float:
        """Boxes below it are not reported."""
        ...

    def detect(self, pictures: Sequence[Image]) -> list[Detections]:
        """Objects in each picture, best score first.

        Args:
            pictures: ``(h, w, 3)`` uint8 BGR each, best at ``spec.fit(...)``; other sizes are resized first.

        Returns:
            One ``Detections`` a picture, boxes in the coordinates of the picture given, clipped to it.

        Raises:
            ValueError: If a picture has another shape or type.
        """
        ...


def check_picture(picture: Image) -> None:
    """Refuses what is not ``(h, w, 3)`` uint8.

    Raises:
        ValueError: With the shape and type that came.
    """
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
        raise ValueError(f"picture: expected (h, w, 3) uint8 BGR, got {picture.shape} {picture.dtype}")
