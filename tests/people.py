"""Made-up eyes for face searches: a picture's colour is who it shows. Shared by unit tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from portraits import jpeg
from searching import T0

from flows.domain.cases import SearchCase
from flows.domain.errors import StoreError
from flows.domain.faces import FaceRequest, SeenFace
from flows.domain.leads import Suppression
from flows.faces.thresholds import Thresholds
from flows.store.cases import Active

RED, GREEN, BLUE = (0, 0, 220), (0, 220, 0), (220, 0, 0)


def picture(bgr: tuple[int, int, int], size_px: int = 100) -> NDArray[np.uint8]:
    """A person."""
    return np.full((size_px, size_px, 3), bgr, np.uint8)


def photo(bgr: tuple[int, int, int]) -> bytes:
    """The same, JPEG."""
    return jpeg(picture(bgr))


def vector(bgr: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What a person looks like in numbers: their mean colour, length 1."""
    mean = bgr.reshape(-1, 3).mean(0)
    return (mean / np.linalg.norm(mean)).astype(np.float32)


class Eyes:
    """Sees a face in whatever is not black.

    Args:
        during: Called while a picture is looked at.
    """

    model = "colour@1"

    def __init__(self, during: Callable[[], None] = lambda: None) -> None:
        self.during, self.seen = during, 0
        self.others: list[tuple[float, float, float, float]] = []

    def boxes(self, bgr: NDArray[np.uint8]) -> list[tuple[float, float, float, float]]:
        return [(0.0, 0.0, float(bgr.shape[1]), float(bgr.shape[0])), *self.others]

    def see(self, bgr: NDArray[np.uint8], near_xy: tuple[float, float] | None = None) -> SeenFace | None:
        self.seen += 1
        self.during()
        if bgr.max() < 30:
            return None
        size = float(min(bgr.shape[:2]))
        side = int(size)
        return SeenFace((0.0, 0.0, size, size), size, 0.5, 1.0, vector(bgr[:side, :side]))


class Stores:
    """The stores, in memory."""

    def __init__(self, *cases: SearchCase, photos: dict[tuple[str, str], bytes] | None = None) -> None:
        self.cases, self.version, self.at = list(cases), 1, T0
        self.photos = photos or {}
        self.rejected: list[Suppression] = []
        self.away = False
        self.asked = 0
        self.unsearched: dict[tuple[str, str], str] = {}

    def active(self) -> Active:
        if self.away:
            raise StoreError("Redis is away")
        alive = tuple(c for c in self.cases if c.state == "active" and self.at < c.ends_at)
        return Active(str(self.version), self.at, alive)

    def probe(self, case_id: str, probe_id: str) -> bytes:
        self.asked += 1
        return self.photos[case_id, probe_id]

    def suppressions(self, case_id: str) -> Sequence[Suppression]:
        return [s for s in self.rejected if s.case == case_id]

    def note_unsearched(self, version: str, why: Mapping[str, str]) -> None:
        self.unsearched |= {(version, case): said for case, said in why.items()}

    def seal(self, data: bytes) -> str:
        return data.hex()

    def open(self, token: str) -> bytes:
        return bytes.fromhex(token)


class Clock:
    """The present, as a test says."""

    def __init__(self, at: datetime = T0) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def on(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def table() -> Thresholds:
    """A stranger is as alike as 0.9 once in ten, as 0.99 once in a million; a hundred probes make it tenfold."""
    similarities = np.array([0.9, 0.95, 0.99, 0.999])
    one = np.array([0.1, 0.01, 1e-6, 1e-9])
    return Thresholds([1, 100], similarities, np.stack([one, 10 * one]), "colour@1")


def head(
    bgr: tuple[int, int, int] = RED, camera: str = "hall-1", at: datetime = T0, track: int = 7
) -> FaceRequest:
    """A head at a camera."""
    return FaceRequest(camera, "esil", track, at, photo(bgr))
