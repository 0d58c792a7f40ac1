"""What crosses between a camera and the face search: one head one way, hits the other; nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from flows.domain.cases import SearchCase
from flows.domain.leads import LeadFound

MOST_BYTES: Final = 80_000
"""Of a picture of somebody. Ray keeps arguments below 100 KiB out of its object store (and so off its disk):
they travel in the message itself and are gone with it."""


@dataclass(frozen=True, slots=True)
class FaceRequest:
    """One head of somebody whom a case's camera sees.

    Attributes:
        camera_id: The camera.
        district: Its district.
        track: Number of the track in the camera's pipeline.
        at: Capture time, aware UTC.
        jpeg: The region round the head, from the full-resolution frame.
        face_xy: Where the head of this track is in it, as a share of width and height: others are bystanders.
        place: Latitude and longitude of the camera, where known.

    Raises:
        ValueError: If the picture is too large to stay out of the object store.
    """

    camera_id: str
    district: str
    track: int
    at: datetime
    jpeg: bytes = field(repr=False)
    face_xy: tuple[float, float] = (0.5, 0.4)
    place: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if len(self.jpeg) > MOST_BYTES:
            raise ValueError(f"jpeg: expected at most {MOST_BYTES} bytes of a person, got {len(self.jpeg)}")


@dataclass(frozen=True, slots=True)
class FaceAnswer:
    """What came of it.

    Attributes:
        found: Whether a face was found that is good enough to be compared.
        worth: How good, 0 to 1, by size, sharpness and frontality: whether another look may tell more.
        hits: One for each case that it may be; empty for everybody else.
    """

    found: bool = False
    worth: float = 0.0
    hits: tuple[LeadFound, ...] = ()


@dataclass(frozen=True, slots=True)
class SeenFace:
    """A face that was found and embedded. Lives in the replica's memory for as long as the comparison takes.

    Attributes:
        xyxy: Box, px of the picture.
        size_px: Its shorter side.
        sharpness: See :mod:`models.faces.quality`.
        frontality: Likewise.
        vector: ``(D,)`` float32, length 1.
    """

    xyxy: tuple[float, float, float, float]
    size_px: float
    sharpness: float
    frontality: float
    vector: NDArray[np.float32] = field(repr=False)


class SeesFaces(Protocol):
    """A finder and an embedder; ours is ``models.faces.looker``. One caller at a time."""

    @property
    def model(self) -> str:
        """Name and digest of the embedder: only vectors of the same one are comparable."""
        ...

    def boxes(self, bgr: NDArray[np.uint8]) -> list[tuple[float, float, float, float]]:
        """Boxes of all faces in an ``(h, w, 3)`` uint8 picture."""
        ...

    def see(self, bgr: NDArray[np.uint8], near_xy: tuple[float, float] | None = None) -> SeenFace | None:
        """The face nearest to a place (as a share of width and height), or the largest; None without any."""
        ...


class AskedForFaces(Protocol):
    """The face search as a camera sees it (``flows.stream.camera.Faces``)."""

    async def scope(self) -> Sequence[SearchCase]:
        """The active cases, without the names of who is searched for.

        Raises:
            FacesAway: If nobody answers: then nothing may be looked at.
        """
        ...

    async def look(self, request: FaceRequest) -> FaceAnswer:
        """Whether a head is that of somebody who is searched for.

        Raises:
            FacesAway: If nobody answers; the moment has passed, later ones may be asked about.
        """
        ...


def unnamed(case: SearchCase) -> SearchCase:
    """A case as cameras know it: where and when, but not who is searched for, by whom, or why."""
    target = case.target
    if target.kind == "person":
        target = target.model_copy(update={"name": "-"})
    basis = case.basis.model_copy(update={"law": "-", "document": "-"})
    steps = tuple(step.model_copy(update={"why": ""}) for step in case.steps)
    return case.model_copy(update={"target": target, "basis": basis, "steps": steps})
