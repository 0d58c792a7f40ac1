"""The plate of a package: the moments' crops go to a plate reader, its answer becomes part of the manifest.

A reader that is away is asked again; a package whose plate nobody could read is written all the same, and says
why it is incomplete. A plate that is covered or absent is unread, which is an answer like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flows.domain.events import OBJECT_EVENTS, Event
from flows.domain.plates import AskedForPlates, PlateAnswer, PlateRecord, PlateRequest

PAUSES_S: Final = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
"""Between questions to a reader that is away: two minutes, in which a deployment is started anew."""
END_PATIENCE_S: Final = 10.0
"""So long in all at the end of a camera: whoever stops it waits half a minute for everything."""
MOST_CROPS: Final = 5
"""Pictures that are read of one vehicle: more tell hardly more, at 0.1 s of a core each."""
MARGIN: Final = 0.15
"""Of the plate's width and height, kept round it in the picture that people look at."""


@dataclass(frozen=True, slots=True)
class Crop:
    """A vehicle in one moment, full resolution.

    Attributes:
        moment: The moment's name.
        bgr: ``(h, w, 3)`` uint8.
    """

    moment: str
    bgr: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class PlateStage:
    """Asks for a package's plate.

    Attributes:
        ask: A plate reader; raises ``ReaderAway`` or ``ReaderFailed``.
        country: Whose plates are expected first, ISO code.
        pauses_s: Between attempts; one more attempt than pauses.
    """

    ask: AskedForPlates
    country: str
    pauses_s: tuple[float, ...] = PAUSES_S

    def look(self, crops: Sequence[Crop]) -> tuple[PlateRecord, NDArray[np.uint8] | None]:
        """What is known of the plate, and the picture that shows it best.

        Raises:
            ReaderAway: If nobody answered.
            ReaderFailed: If the reader fails on these pictures.
        """
        looked = spread(crops, MOST_CROPS)
        if not looked:
            return PlateRecord(outcome="unread", reason="no picture of the vehicle alone is held"), None
        answer = self.ask(PlateRequest(tuple(crop.bgr for crop in looked), self.country))
        return record(answer, looked), picture(answer, looked)


def has_plate(event: Event) -> bool:
    """Whether it is about something that bears a plate."""
    return event.data.get("cls") != "person" and event.type not in OBJECT_EVENTS


def spread(crops: Sequence[Crop], most: int) -> list[Crop]:
    """At most so many, evenly from first to last."""
    if len(crops) <= most:
        return list(crops)
    return [crops[round(i)] for i in np.linspace(0, len(crops) - 1, most)]


def record(answer: PlateAnswer, crops: Sequence[Crop]) -> PlateRecord:
    """An answer as the manifest states it."""
    return PlateRecord(
        outcome=answer.outcome,
        text=answer.text,
        shown=answer.shown,
        country=answer.country,
        kind=answer.kind,
        confidence=round(answer.confidence, 4),
        confident=answer.confident,
        reason=answer.reason,
        moment="" if answer.crop is None else crops[answer.crop].moment,
        seen=answer.seen,
        looked=len(crops),
        versions=answer.versions,
    )


def picture(answer: PlateAnswer, crops: Sequence[Crop]) -> NDArray[np.uint8] | None:
    """The plate with a little of its surroundings; None where none was found."""
    if answer.crop is None or answer.xyxy is None:
        return None
    bgr = crops[answer.crop].bgr
    left, top, right, bottom = answer.xyxy
    dx, dy = MARGIN * (right - left), MARGIN * (bottom - top)
    height, width = bgr.shape[:2]
    x0, x1 = (int(np.clip(v, 0, width)) for v in (left - dx, right + dx + 1))
    y0, y1 = (int(np.clip(v, 0, height)) for v in (top - dy, bottom + dy + 1))
    return bgr[y0:y1, x0:x1] if x1 > x0 and y1 > y0 else None
