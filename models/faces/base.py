"""What any finder and any embedder of faces offers, whatever network is behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Face:
    """One face in a picture.

    Attributes:
        xyxy: Box from brow to chin, px of the picture; may reach over its edge.
        score: As the finder gives it: comparable only within one finder.
        eyes: Middles of the eyes, the one on the left of the picture first; None where the finder has none.
        nose: Tip or base of the nose, likewise.
    """

    xyxy: tuple[float, float, float, float]
    score: float
    eyes: tuple[Point, Point] | None = None
    nose: Point | None = None

    @property
    def size_px(self) -> float:
        """The shorter side of the box."""
        left, top, right, bottom = self.xyxy
        return min(right - left, bottom - top)


class FaceFinder(Protocol):
    """Finds faces. One caller at a time."""

    @property
    def version(self) -> str:
        """sha256 of the weights, for the trace of a hit."""
        ...

    def find(self, picture: Image) -> list[Face]:
        """Faces in an ``(h, w, 3)`` uint8 BGR picture, the largest first."""
        ...


class FaceEmbedder(Protocol):
    """Says what a face looks like in numbers. One caller at a time."""

    @property
    def version(self) -> str:
        """sha256 of the weights."""
        ...

    @property
    def size(self) -> int:
        """How many numbers."""
        ...

    def embed(self, picture: Image, faces: Sequence[Face]) -> NDArray[np.float32]:
        """``(N, size)`` unit vectors of faces in a BGR picture: the product of two is their similarity, -1 to 1."""
        ...


@dataclass(frozen=True, slots=True)
class FacePair:
    """A finder and an embedder that belong together.

    Attributes:
        name: Name of the pair, for example ``dlib``.
        finder: Finds.
        embedder: Embeds.
        licences: Licence by the name of the weights.
    """

    name: str
    finder: FaceFinder
    embedder: FaceEmbedder
    licences: dict[str, str] = field(default_factory=dict)

    @property
    def versions(self) -> dict[str, str]:
        """sha256 of the weights, by part."""
        return {"finder": self.finder.version, "embedder": self.embedder.version}


def unit(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    """``(N, D)`` vectors brought to length 1; nothing stays nothing."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.where(length > 0, length, 1), np.float32)
