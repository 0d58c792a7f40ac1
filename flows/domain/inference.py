"""What crosses between a camera and a detector: small pictures one way, boxes the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from flows.domain.detections import Detections


@dataclass(frozen=True, slots=True)
class DetectorSpec:
    """What a camera must know of a detector.

    Attributes:
        name: Name in the weights registry, for example ``yolox-nano``.
        input_px: Width and height of its input; pictures are resized to fit inside, aspect kept.
        names: Class names by label.
        version: sha256 of the weights, for evidence.
        sure_score: Score from which a detection is believed at once: where precision and recall meet. Networks
            differ in it by a factor of two; a tracker that does not know it overlooks half the street.
    """

    name: str
    input_px: tuple[int, int]
    names: tuple[str, ...]
    version: str
    sure_score: float = 0.6

    def fit(self, width_px: int, height_px: int) -> tuple[int, int]:
        """Size (width, height) at which a picture goes to this detector.

        >>> DetectorSpec("d", (416, 416), (), "").fit(1920, 1080)
        (416, 234)
        """
        scale = min(self.input_px[0] / width_px, self.input_px[1] / height_px)
        return max(1, round(width_px * scale)), max(1, round(height_px * scale))


@dataclass(frozen=True, slots=True)
class DetectRequest:
    """Several pictures of one camera, already at the detector's size.

    Attributes:
        pictures: ``(N, h, w, 3)`` uint8 BGR, contiguous.
        full_px: Width and height of the full-resolution picture that boxes are wanted in.
    """

    pictures: NDArray[np.uint8]
    full_px: tuple[int, int]


def check_request(request: DetectRequest) -> None:
    """Refuses what is not ``(N, h, w, 3)`` uint8.

    Raises:
        ValueError: With the shape and type that came.
    """
    pictures = request.pictures
    if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[3] != 3:
        raise ValueError(f"pictures: expected (N, h, w, 3) uint8, got {pictures.shape} {pictures.dtype}")


class DetectorLike(Protocol):
    """What any detector offers, to one caller at a time; the back ends are in ``models``."""

    @property
    def spec(self) -> DetectorSpec: ...

    def detect(self, pictures: Sequence[NDArray[np.uint8]]) -> list[Detections]:
        """Detections of each ``(h, w, 3)`` uint8 BGR picture, in that picture's own pixels."""
        ...


def detect_at_full_size(detector: DetectorLike, requests: Sequence[DetectRequest]) -> list[list[Detections]]:
    """Answers requests in one run: for each, the detections of its pictures in full-resolution pixels.

    The one place that scales boxes back, so that every caller gets the same numbers.

    Raises:
        ValueError: If a request has the wrong form.
    """
    for request in requests:
        check_request(request)
    found = iter(detector.detect([picture for request in requests for picture in request.pictures]))
    return [[next(found).scaled(*_scale(request)) for _ in request.pictures] for request in requests]


def _scale(request: DetectRequest) -> tuple[float, float]:
    _, height_px, width_px, _ = request.pictures.shape
    return request.full_px[0] / width_px, request.full_px[1] / height_px
