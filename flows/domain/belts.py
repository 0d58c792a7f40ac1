"""What crosses between a camera and a belt classifier, and how a candidate becomes a violation.

The seat-belt rule cannot know by itself whether a belt is worn: it names a vehicle and the moments in which its
windscreen is seen best. Such a *candidate* never leaves its camera. Whoever cuts the pictures of those moments
asks a classifier; only if that sees somebody without a belt does a violation exist. Of all other vehicles nothing
is kept: no picture, no event, only a count where nobody could tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from flows.domain.events import Event, KeyMoment, Measured, Violation

CANDIDATE: Final = "dome.candidate.seat_belt.v1"
SEAT_BELT: Final = "dome.violation.seat_belt.v1"

Seat = Literal["driver", "passenger"]
SeatState = Literal["worn", "unworn", "nobody", "unknown"]
Doubt = Literal["", "glare", "too_small", "unsure", "no_windscreen"]
"""Why a seat is unknown; the words that refusals are counted by."""


@dataclass(frozen=True, slots=True)
class BeltLook:
    """A vehicle in one moment.

    Attributes:
        bgr: ``(h, w, 3)`` uint8, the vehicle with some surroundings at full resolution.
        xyxy: The vehicle's box in it, px.
    """

    bgr: NDArray[np.uint8]
    xyxy: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class BeltRequest:
    """The looks at one vehicle that comes towards the camera.

    Attributes:
        looks: One moment after another.
        driver_on: Side of the car on which the driver sits, as the driver sees it.
    """

    looks: tuple[BeltLook, ...]
    driver_on: Literal["left", "right"] = "left"


@dataclass(frozen=True, slots=True)
class SeatAnswer:
    """What all looks together say of one seat.

    Attributes:
        state: What is seen there; ``unknown`` where the looks do not agree or show too little.
        doubt: Why it is unknown.
        chance: Probability that somebody sits there without a belt.
        low: The least probability if any one of the looks is left out.
        high: The highest one.
    """

    state: SeatState
    doubt: Doubt = ""
    chance: float = 0.0
    low: float = 0.0
    high: float = 0.0


@dataclass(frozen=True, slots=True)
class BeltAnswer:
    """What is seen behind one windscreen.

    Attributes:
        seats: By ``driver`` and ``passenger``.
        seen: In how many looks a windscreen was large enough.
        threshold: Probability from which a belt is said to be missing.
        versions: sha256 of the networks, by name.
    """

    seats: Mapping[str, SeatAnswer]
    seen: int = 0
    threshold: float = 1.0
    versions: dict[str, str] = field(default_factory=dict)


class BeltReaderLike(Protocol):
    """What any belt classifier offers; ours is in ``models.belts``."""

    def look(self, request: BeltRequest) -> BeltAnswer:
        """Who wears a belt in the vehicle that all of the looks show."""
        ...


class AskedForBelts(Protocol):
    """A belt classifier as evidence sees it; called in a thread."""

    def __call__(self, request: BeltRequest) -> BeltAnswer:
        """Who wears a belt in a vehicle.

        Raises:
            ReaderAway: If nobody answers; ask again later.
            ReaderFailed: If the classifier fails on these pictures.
        """
        ...


def is_candidate(event: Event) -> bool:
    """Whether it is something to be looked at before it is a violation."""
    return event.type == CANDIDATE


def candidate_of(violation: Event, asked: Mapping[str, Any]) -> Event:
    """What would be a violation if the classifier says so.

    Args:
        violation: As a rule states it.
        asked: ``seats`` whose belts are of interest, ``driver_on``, and ``evaluated``: the networks whose
            verdicts need no review at this camera, by name; empty where all do.
    """
    return violation.model_copy(update={"type": CANDIDATE, "data": {**violation.data, "asked": {**asked}}})


def looks_of(candidate: Event) -> list[KeyMoment]:
    """The moments to look at, each with the whole box, from which a windscreen is found."""
    return Violation.model_validate(candidate.data).moments


def request_of(candidate: Event, looks: tuple[BeltLook, ...]) -> BeltRequest:
    """The question that a candidate asks."""
    return BeltRequest(looks, _asked(candidate)["driver_on"])


def bare_seats(candidate: Event, answer: BeltAnswer) -> dict[str, SeatAnswer]:
    """The seats of interest on which somebody sits without a belt."""
    wanted = _asked(candidate)["seats"]
    return {name: seat for name, seat in answer.seats.items() if name in wanted and seat.state == "unworn"}


def doubts(candidate: Event, answer: BeltAnswer) -> set[str]:
    """Why seats of interest are unknown, and whether nobody is seen at all; words to count refusals by."""
    seats = {name: seat for name, seat in answer.seats.items() if name in _asked(candidate)["seats"]}
    found: set[str] = {f"belt_{seat.doubt}" for seat in seats.values() if seat.state == "unknown"}
    if seats and all(seat.state == "nobody" for seat in seats.values()):
        found.add("nobody_seen")
    return found


def violation_of(candidate: Event, answer: BeltAnswer) -> Event | None:
    """The violation that a candidate is, if somebody sits there without a belt; with the candidate's id."""
    bare = bare_seats(candidate, answer)
    if not bare:
        return None
    data = {key: value for key, value in candidate.data.items() if key != "asked"}
    measured = {
        f"{name}_without_belt": Measured.of(seat.chance, seat.low, seat.high, "probability", 4)
        for name, seat in bare.items()
    }
    review = data["needs_review"] is True or answer.versions != _asked(candidate)["evaluated"]
    stated = {
        "measured": {name: value.model_dump() for name, value in measured.items()},
        "threshold": {"min_probability": answer.threshold},
        "seats": {name: seat.state for name, seat in answer.seats.items()},
        "looks": answer.seen,
        "models": answer.versions,
        "needs_review": review,
        "state": "needs_review" if review and data["state"] == "stands" else data["state"],
    }
    Violation.model_validate(data | stated)
    return candidate.model_copy(update={"type": SEAT_BELT, "data": data | stated})


def _asked(candidate: Event) -> dict[str, Any]:
    asked = candidate.data["asked"]
    assert isinstance(asked, dict), "candidate_of() has seen to it"
    return asked
