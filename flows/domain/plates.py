"""What crosses between a camera and a plate reader, and what is kept of a plate that was read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from flows.domain.events import Event

PLATE_READ = "dome.plate.read.v1"

PlateState = Literal["read", "unread"]


@dataclass(frozen=True, slots=True)
class PlateRequest:
    """The pictures of one vehicle.

    Attributes:
        crops: ``(h, w, 3)`` uint8 BGR each, the vehicle at full resolution in one moment after another.
        country: Of the camera, ISO code: whose plates are expected first.
    """

    crops: tuple[NDArray[np.uint8], ...]
    country: str = "KZ"


@dataclass(frozen=True, slots=True)
class PlateAnswer:
    """What was read of one vehicle's plate.

    Attributes:
        outcome: ``read`` where the text is a plate of a known form.
        text: The number without spaces; where it fits no form, what was read; empty where nothing was.
        shown: The number in its groups.
        country: ISO code of the form, empty where none fits.
        kind: What bears such plates: car, firm, motorcycle ...
        confidence: Probability that the whole text is right, 0 to 1.
        confident: Whether it may stand without a person's look at it.
        reason: Why it is unread, or not confident.
        crop: Which of the crops shows the plate best; None where none does.
        xyxy: Where it is in that crop, px.
        seen: In how many crops a plate was found.
        versions: sha256 of the weights, by part.
    """

    outcome: PlateState
    text: str = ""
    shown: str = ""
    country: str = ""
    kind: str = ""
    confidence: float = 0.0
    confident: bool = False
    reason: str = ""
    crop: int | None = None
    xyxy: tuple[float, float, float, float] | None = None
    seen: int = 0
    versions: dict[str, str] = field(default_factory=dict)


class PlateReaderLike(Protocol):
    """What any plate reader offers; ours is in ``models.plates``."""

    def read(self, request: PlateRequest) -> PlateAnswer:
        """The plate of the vehicle that all of the crops show."""
        ...


class AskedForPlates(Protocol):
    """A plate reader as evidence sees it; called in a thread."""

    def __call__(self, request: PlateRequest) -> PlateAnswer:
        """The plate of a vehicle.

        Raises:
            ReaderAway: If nobody answers; ask again later.
            ReaderFailed: If the reader fails on these pictures.
        """
        ...


class PlateRecord(BaseModel):
    """What a manifest and a ``dome.plate.read.v1`` event say of a plate.

    Attributes:
        outcome: ``read``, ``unread``, or ``unavailable``: nobody answered.
        text: See :class:`PlateAnswer`.
        shown: See :class:`PlateAnswer`.
        country: See :class:`PlateAnswer`.
        kind: See :class:`PlateAnswer`.
        confidence: See :class:`PlateAnswer`.
        confident: See :class:`PlateAnswer`.
        reason: See :class:`PlateAnswer`.
        moment: Name of the moment that shows the plate best.
        crop: The package's file with the plate, empty where there is none.
        seen: In how many pictures a plate was found.
        looked: How many pictures there were.
        versions: sha256 of the weights, by part.
    """

    model_config = ConfigDict(frozen=True)

    outcome: Literal["read", "unread", "unavailable"]
    text: str = ""
    shown: str = ""
    country: str = ""
    kind: str = ""
    confidence: float = 0.0
    confident: bool = False
    reason: str = ""
    moment: str = ""
    crop: str = ""
    seen: int = 0
    looked: int = 0
    versions: dict[str, str] = {}


def plate_event(violation: Event, record: PlateRecord) -> Event:
    """The event that names the violation to which a plate belongs; the same violation gives the same id."""
    return Event.of(
        PLATE_READ,
        camera_id=violation.camera_id,
        district=violation.subject,
        at=violation.time,
        key=(violation.id,),
        data={"violation": violation.id, **record.model_dump(mode="json")},
    )
